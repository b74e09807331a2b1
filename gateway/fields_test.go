package gateway_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"

	"tenbit"
	"tenbit/gateway"
	"tenbit/internal/fake"
	"tenbit/test/spec"
)

// fate is what becomes of a documented field of a request. One of them is set.
type fate struct {
	value string // a sample, as JSON
	// passed is the field of the model's request that has the sample, or its
	// value where it has another form.
	passed string
	refuse bool                                 // with a 400 that names the field
	unsaid bool                                 // it says nothing about the answer: the model isn't told
	done   func(resp string, m *fake.Model) any // by the gateway: what is wrong, else nil
}

func has(want ...string) func(string, *fake.Model) any {
	return func(resp string, _ *fake.Model) any {
		for _, w := range want {
			if !strings.Contains(resp, w) {
				return "want " + w
			}
		}
		return nil
	}
}

// anything is for fields that other tests look at: all answers rest on them.
func anything(string, *fake.Model) any { return nil }

const sailTool = `{"type":"function","function":{"name":"sail"}}`

var chatFates = map[string]fate{
	"messages":               {value: `[{"role":"user","content":"The sea?"}]`, done: anything},
	"model":                  {value: `"tenbit"`, done: has(`"model":"tenbit"`)},
	"n":                      {value: `2`, done: has(`"index":1`)},
	"stop":                   {value: `"END"`, done: has(`"content":"one "`)},
	"stream":                 {value: `true`, done: has("data: [DONE]")},
	"stream_options":         {value: `{"include_usage":true}`, done: has(`"choices":[],"usage":{`)},
	"logprobs":               {value: `true`, done: has(`"logprob":-1`)},
	"top_logprobs":           {value: `2`, passed: `"top_logprobs":2`},
	"max_tokens":             {value: `9`, passed: `"max_tokens":9`},
	"max_completion_tokens":  {value: `9`, passed: `"max_completion_tokens":9`},
	"temperature":            {value: `0.5`, passed: `"temperature":0.5`},
	"top_p":                  {value: `0.5`, passed: `"top_p":0.5`},
	"seed":                   {value: `7`, passed: `"seed":7`},
	"presence_penalty":       {value: `1`, passed: `"presence_penalty":1`},
	"frequency_penalty":      {value: `1`, passed: `"frequency_penalty":1`},
	"logit_bias":             {value: `{"5":1}`, passed: `"logit_bias":{"5":1}`},
	"response_format":        {value: `{"type":"json_object"}`, done: has(`"code":"invalid_output"`)},
	"tools":                  {value: `[` + sailTool + `]`, passed: `"tools":[{"function":{"name":"sail"},"type":"function"}]`},
	"tool_choice":            {value: `"required"`, done: has(`"code":"invalid_output"`)},
	"parallel_tool_calls":    {value: `false`, passed: `"parallel_tool_calls":false`},
	"reasoning_effort":       {value: `"low"`, passed: `"reasoning_effort":"low"`},
	"verbosity":              {value: `"low"`, passed: `"verbosity":"low"`},
	"prediction":             {value: `{"type":"content","content":"x"}`, passed: `"prediction":{"content":"x","type":"content"}`},
	"modalities":             {value: `["audio"]`, refuse: true},
	"audio":                  {value: `{"voice":"x","format":"mp3"}`, refuse: true},
	"web_search_options":     {value: `{}`, refuse: true},
	"moderation":             {value: `{"model":"x"}`, refuse: true},
	"functions":              {value: `[{"name":"f"}]`, refuse: true},
	"function_call":          {value: `"auto"`, refuse: true},
	"user":                   {value: `"u"`, unsaid: true},
	"safety_identifier":      {value: `"u"`, unsaid: true},
	"metadata":               {value: `{"a":"b"}`, unsaid: true},
	"store":                  {value: `true`, unsaid: true},
	"service_tier":           {value: `"flex"`, unsaid: true},
	"prompt_cache_key":       {value: `"k"`, unsaid: true},
	"prompt_cache_retention": {value: `"24h"`, unsaid: true},
	"prompt_cache_options":   {value: `{"ttl":"30m"}`, unsaid: true},
}

var responseFates = map[string]fate{
	"input":                  {value: `"The sea?"`, done: anything},
	"model":                  {value: `"tenbit"`, done: has(`"model":"tenbit"`)},
	"instructions":           {value: `"Be brief."`, passed: `{"content":"Be brief.","role":"system"}`},
	"stream":                 {value: `true`, done: has("event: response.completed")},
	"stream_options":         {value: `{"include_obfuscation":false}`, unsaid: true},
	"store":                  {value: `false`, done: has(`"store":false`)},
	"metadata":               {value: `{"a":"b"}`, done: has(`"metadata":{"a":"b"}`)},
	"max_output_tokens":      {value: `9`, passed: `"max_completion_tokens":9`},
	"temperature":            {value: `0.5`, passed: `"temperature":0.5`},
	"top_p":                  {value: `0.5`, passed: `"top_p":0.5`},
	"top_logprobs":           {value: `2`, passed: `"top_logprobs":2`},
	"include":                {value: `["message.output_text.logprobs"]`, passed: `"logprobs":true`},
	"reasoning":              {value: `{"effort":"low"}`, passed: `"reasoning_effort":"low"`},
	"text":                   {value: `{"format":{"type":"json_object"}}`, done: has(`"code":"invalid_output"`)},
	"tools":                  {value: `[{"type":"function","name":"sail"}]`, passed: `"tools":[{"function":{"name":"sail"},"type":"function"}]`},
	"tool_choice":            {value: `"required"`, done: has(`"code":"invalid_output"`)},
	"parallel_tool_calls":    {value: `false`, passed: `"parallel_tool_calls":false`},
	"max_tool_calls":         {value: `1`, unsaid: true},
	"previous_response_id":   {value: `"resp_x"`, refuse: true}, // nothing is kept under it
	"background":             {value: `true`, refuse: true},
	"conversation":           {value: `"c"`, refuse: true},
	"prompt":                 {value: `{"id":"p"}`, refuse: true},
	"truncation":             {value: `"auto"`, refuse: true},
	"context_management":     {value: `[{"type":"compaction"}]`, refuse: true},
	"moderation":             {value: `{"model":"x"}`, refuse: true},
	"user":                   {value: `"u"`, unsaid: true},
	"safety_identifier":      {value: `"u"`, unsaid: true},
	"service_tier":           {value: `"flex"`, done: has(`"service_tier":"default"`)},
	"prompt_cache_key":       {value: `"k"`, unsaid: true},
	"prompt_cache_retention": {value: `"24h"`, unsaid: true},
	"prompt_cache_options":   {value: `{"ttl":"30m"}`, unsaid: true},
}

var completionFates = map[string]fate{
	"prompt":            {value: `["a","b"]`, done: has(`"index":1`)},
	"model":             {value: `"tenbit"`, done: has(`"model":"tenbit"`)},
	"n":                 {value: `2`, done: has(`"index":1`)},
	"best_of":           {value: `2`, refuse: true}, // other than n
	"echo":              {value: `true`, done: has(`"text":"The sea?one `)},
	"suffix":            {value: `"x"`, refuse: true},
	"stop":              {value: `"END"`, done: has(`"text":"one "`)},
	"stream":            {value: `true`, done: has("data: [DONE]")},
	"stream_options":    {value: `{"include_usage":true}`, done: has(`"choices":[],"usage":{`)},
	"logprobs":          {value: `2`, done: has(`"token_logprobs":[-1]`)},
	"max_tokens":        {value: `9`, passed: `"max_tokens":9`},
	"temperature":       {value: `0.5`, passed: `"temperature":0.5`},
	"top_p":             {value: `0.5`, passed: `"top_p":0.5`},
	"seed":              {value: `7`, passed: `"seed":7`},
	"presence_penalty":  {value: `1`, passed: `"presence_penalty":1`},
	"frequency_penalty": {value: `1`, passed: `"frequency_penalty":1`},
	"logit_bias":        {value: `{"5":1}`, passed: `"logit_bias":{"5":1}`},
	"user":              {value: `"u"`, unsaid: true},
}

var embeddingFates = map[string]fate{
	"input":           {value: `["a","b"]`, done: has(`"index":1`)},
	"model":           {value: `"tenbit"`, done: has(`"model":"tenbit"`)},
	"encoding_format": {value: `"base64"`, done: has(`"embedding":"AACAPwAAAAAAAAAA"`)},
	"dimensions":      {value: `1`, done: has(`"embedding":[1]`)},
	"user":            {value: `"u"`, unsaid: true},
}

// fixed makes the same vector of each text.
type fixed struct{}

func (fixed) Embed(_ context.Context, texts []string, _ int) (out [][]float32, tokens int, err error) {
	for range texts {
		out = append(out, []float32{1, 0, 0})
	}
	return out, len(texts), nil
}

// TestNoFieldIsDropped: every field that OpenAI documents is done by the
// gateway, passed on, or refused; the few that say nothing about the answer are
// taken. docs/api.md names them all.
func TestNoFieldIsDropped(t *testing.T) {
	docs, err := os.ReadFile("../docs/api.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, api := range []struct {
		path, schema, base string // of a request that lacks the field under test
		fates              map[string]fate
	}{
		{"/v1/chat/completions", "CreateChatCompletionRequest", `{"model":"tenbit","messages":[{"role":"user","content":"The sea?"}]}`, chatFates},
		{"/v1/responses", "CreateResponse", `{"model":"tenbit","input":"The sea?"}`, responseFates},
		{"/v1/completions", "CreateCompletionRequest", `{"model":"tenbit","prompt":"The sea?"}`, completionFates},
		{"/v1/embeddings", "CreateEmbeddingRequest", `{"model":"tenbit","input":"The sea?"}`, embeddingFates},
	} {
		fields, err := spec.Fields(api.schema)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range fields {
			t.Run(api.path+" "+name, func(t *testing.T) {
				f, ok := api.fates[name]
				if !ok {
					t.Fatal("is documented, and the table says nothing of it")
				}
				if !strings.Contains(string(docs), "`"+name+"`") && !strings.Contains(string(docs), "`"+name+".") && name != "model" {
					t.Error("is not in docs/api.md")
				}
				f.check(t, api.path, api.base, name)
			})
		}
	}
}

// needs are fields that others go with.
var needs = map[string]string{
	"stream_options": `"stream":true`, "top_logprobs": `"logprobs":true`, "tool_choice": `"tools":[` + sailTool + `]`, "parallel_tool_calls": `"tools":[` + sailTool + `]`,
}

func (f fate) check(t *testing.T, path, base, name string) {
	t.Helper()
	local := fake.NewModel(func(c fake.Call) fake.Reply {
		r := fake.Text("one END two")
		if c.Request.LogProbs {
			r.Completion.Tokens = []tenbit.TokenProb{{Token: "one END two", LogProb: -1}}
		}
		return r
	})
	b := open(t, local, fake.Says(""), func(g *gateway.Gateway, _ *tenbit.Tenant) {
		g.Remote, g.Embed, g.Responses = nil, fixed{}, memory(1<<20)
	})
	var body map[string]json.RawMessage
	with := needs[name]
	if path == "/v1/responses" {
		with = strings.NewReplacer(`"logprobs":true`, ``, sailTool, `{"type":"function","name":"sail"}`).Replace(with)
	}
	if err := json.Unmarshal([]byte(base), &body); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal([]byte("{"+with+"}"), &body); err != nil {
		t.Fatal(err)
	}
	body[name] = json.RawMessage(f.value)
	raw, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	resp, text := b.call(t, "POST", path, string(raw))
	told := ""
	for _, c := range local.Calls() {
		told += string(c.Request.Body)
	}
	switch {
	case f.refuse:
		if resp.StatusCode != 400 || !strings.Contains(text, fmt.Sprintf(`"param":%q`, name)) && name != "audio" {
			t.Errorf("got %d %s, want 400 about it", resp.StatusCode, text)
		}
	case f.passed != "":
		if resp.StatusCode != 200 || !strings.Contains(told, f.passed) {
			t.Errorf("got %d %s, the model %s; want it told %s", resp.StatusCode, text, told, f.passed)
		}
	case f.unsaid:
		if resp.StatusCode != 200 || strings.Contains(told, `"`+name+`":`) {
			t.Errorf("got %d %s, the model %s; want it taken and not passed on", resp.StatusCode, text, told)
		}
	default:
		if wrong := f.done(text, local); wrong != nil {
			t.Errorf("got %d %s: %v", resp.StatusCode, text, wrong)
		}
	}
}
