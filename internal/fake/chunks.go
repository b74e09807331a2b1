package fake

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
)

// events are the data of a stream's events, in order.
func (b Behaviour) events() []string {
	size := b.Chunk
	if size <= 0 {
		size = 5
	}
	var out []string
	chunk := func(delta, finish string) {
		out = append(out, `{"id":"chatcmpl-fake","object":"chat.completion.chunk","created":1,"model":"fake","choices":[{"index":0,"delta":{`+
			delta+`},"logprobs":null,"finish_reason":`+finish+`}]}`)
	}
	chunk(`"role":"assistant","content":""`, "null")
	for s := b.Content; s != ""; {
		n := min(size, len(s))
		chunk(`"content":`+quote(s[:n]), "null")
		s = s[n:]
	}
	if b.Refusal != "" {
		chunk(`"refusal":`+quote(b.Refusal), "null")
	}
	var calls []json.RawMessage
	_ = json.Unmarshal(b.ToolCalls, &calls)
	for i, c := range calls {
		chunk(fmt.Sprintf(`"tool_calls":[{"index":%d,%s]`, i, c[1:]), "null")
	}
	if len(b.LogProbs) > 0 {
		out[len(out)-1] = strings.Replace(out[len(out)-1], `"logprobs":null`, `"logprobs":`+b.logprobs(), 1)
	}
	chunk("", b.finish())
	if b.Prompt+b.Tokens > 0 {
		out = append(out, `{"id":"chatcmpl-fake","object":"chat.completion.chunk","created":1,"model":"fake","choices":[],"usage":`+b.usage()+`}`)
	}
	if !b.NoDone {
		out = append(out, "[DONE]")
	}
	return out
}

// whole is the body of an answer that is not streamed.
func (b Behaviour) whole() []byte {
	s := `{"id":"chatcmpl-fake","object":"chat.completion","created":1,"model":"fake","choices":[{"index":0,"message":{"role":"assistant","content":` + quote(b.Content)
	if b.ToolCalls != nil {
		s += `,"tool_calls":` + string(b.ToolCalls)
	}
	if b.Refusal != "" {
		s += `,"refusal":` + quote(b.Refusal)
	}
	s += `},"logprobs":` + b.logprobs() + `,"finish_reason":` + b.finish() + `}]`
	if b.Prompt+b.Tokens > 0 {
		s += `,"usage":` + b.usage()
	}
	return []byte(s + "}")
}

func (b Behaviour) finish() string {
	switch b.Finish {
	case "":
		return `"stop"`
	case "null":
		return "null"
	}
	return quote(b.Finish)
}

func (b Behaviour) usage() string {
	return fmt.Sprintf(`{"prompt_tokens":%d,"completion_tokens":%d,"total_tokens":%d}`, b.Prompt, b.Tokens, b.Prompt+b.Tokens)
}

func (b Behaviour) logprobs() string {
	if len(b.LogProbs) == 0 {
		return "null"
	}
	var list []string
	for _, p := range b.LogProbs {
		list = append(list, `{"token":"t","logprob":`+strconv.FormatFloat(p, 'g', -1, 64)+`,"bytes":null,"top_logprobs":[]}`)
	}
	return `{"content":[` + strings.Join(list, ",") + `],"refusal":null}`
}

// quote spells a JSON string and leaves bytes that are not UTF-8 alone, as
// sloppy servers do.
func quote(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for i := range len(s) {
		switch c := s[i]; {
		case c == '"' || c == '\\':
			b.WriteByte('\\')
			b.WriteByte(c)
		case c < 0x20:
			fmt.Fprintf(&b, `\u%04x`, c)
		default:
			b.WriteByte(c)
		}
	}
	b.WriteByte('"')
	return b.String()
}
