package gateway_test

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"tenbit"
	"tenbit/cache"
	"tenbit/codec"
	"tenbit/gateway"
	"tenbit/internal/fake"
	"tenbit/test/spec"
)

// call sends a request to any path.
func (b *bench) call(t *testing.T, method, path, body string) (*http.Response, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, b.URL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+key)
	resp, err := b.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(text)
}

// repeater says what it was asked, and how many tokens it may say.
func repeater() *fake.Model {
	return fake.NewModel(func(c fake.Call) fake.Reply {
		r := fake.Text(fmt.Sprintf(" and %s, %d", c.Request.Question(), c.Request.MaxTokens))
		r.Completion.Tokens = []tenbit.TokenProb{{Token: r.Completion.Message.Content, LogProb: -1, Top: []tenbit.OtherToken{{Token: "x", LogProb: -2}}}}
		return r
	})
}

func TestCompletions(t *testing.T) {
	type chosen struct {
		Text     string
		Index    int
		Finish   *string `json:"finish_reason"`
		LogProbs *struct {
			Tokens []string
			Probs  []float64 `json:"token_logprobs"`
			Top    []map[string]float64
		}
	}
	for _, tt := range []struct {
		name, more string
		want       []string
	}{
		{"a string", `"prompt":"one"`, []string{" and one, 16"}},
		{"strings", `"prompt":["one","two"],"max_tokens":3`, []string{" and one, 3", " and two, 3"}},
		{"echo", `"prompt":["one","two"],"echo":true`, []string{"one and one, 16", "two and two, 16"}},
		{"n", `"prompt":["one","two"],"n":2,"best_of":2`, []string{" and one, 16", " and one, 16", " and two, 16", " and two, 16"}},
		{"stop", `"prompt":"one","stop":","`, []string{" and one"}},
		{"logprobs", `"prompt":"one","logprobs":1`, []string{" and one, 16"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for _, stream := range []string{"", `"stream":true,"stream_options":{"include_usage":true},`} {
				b := open(t, repeater(), fake.Says(""), localOnly)
				resp, body := b.call(t, "POST", "/v1/completions", `{"model":"tenbit",`+stream+tt.more+`}`)
				if resp.StatusCode != 200 {
					t.Fatalf("got %d %s", resp.StatusCode, body)
				}
				got := make([]string, len(tt.want))
				var usages, probs int
				objects := []string{body}
				if stream != "" {
					objects = strings.Split(body, "\n\n")
				} else if err := spec.Check("CreateCompletionResponse", []byte(body)); err != nil {
					t.Error(err)
				}
				for _, o := range objects {
					o = strings.TrimPrefix(o, "data: ")
					var c struct {
						Choices []chosen
						Usage   *struct {
							Total int `json:"total_tokens"`
						}
					}
					if !strings.HasPrefix(o, "{") || json.Unmarshal([]byte(o), &c) != nil {
						continue
					}
					// OpenAI's streams have null there, which the schema of whole completions does not know.
					if err := spec.Check("CreateCompletionResponse", []byte(strings.ReplaceAll(o, `"finish_reason":null`, `"finish_reason":"stop"`))); err != nil {
						t.Error(err)
					}
					if c.Usage != nil {
						usages += c.Usage.Total
					}
					for _, ch := range c.Choices {
						got[ch.Index] += ch.Text
						if ch.LogProbs != nil {
							probs += len(ch.LogProbs.Tokens)
						}
					}
				}
				if fmt.Sprintf("%q", got) != fmt.Sprintf("%q", tt.want) || usages == 0 || (probs > 0) != (tt.name == "logprobs") {
					t.Errorf("%s: got %q, usage %d, %d log-probabilities; want %q", stream, got, usages, probs, tt.want)
				}
			}
		})
	}
	b := open(t, repeater(), fake.Says(""), localOnly)
	for more, param := range map[string]string{
		`"x":1`:                                 "prompt",
		`"prompt":[]`:                           "prompt",
		`"prompt":[1,2]`:                        "prompt",
		`"prompt":"x","suffix":"y"`:             "suffix",
		`"prompt":"x","best_of":3`:              "best_of",
		`"prompt":"x","n":65`:                   "n",
		`"prompt":"x","n":0`:                    "n",
		`"prompt":"x","logprobs":6`:             "logprobs",
		`"prompt":"x","logprobs":1,"echo":true`: "logprobs",
		`"prompt":"x","temperature":3`:          "temperature",
	} {
		resp, body := b.call(t, "POST", "/v1/completions", `{"model":"tenbit",`+more+`}`)
		if resp.StatusCode != 400 || spec.Check("ErrorResponse", []byte(body)) != nil || !strings.Contains(body, `"param":"`+param) {
			t.Errorf("%s: got %d %s, want 400 about %s", more, resp.StatusCode, body, param)
		}
	}
}

// embedder makes vectors of the length of the texts.
type embedder struct{ err error }

func (e embedder) Embed(_ context.Context, texts []string, _ int) ([][]float32, int, error) {
	var out [][]float32
	for _, s := range texts {
		out = append(out, []float32{float32(len(s)), 4, 0, 12})
	}
	return out, 3 * len(texts), e.err
}

func TestEmbeddings(t *testing.T) {
	b := open(t, fake.Says(""), fake.Says(""), func(g *gateway.Gateway, _ *tenbit.Tenant) { g.Remote, g.Embed = nil, embedder{} })
	for _, tt := range []struct {
		more string
		want [][]float32
	}{
		{`"input":"abc"`, [][]float32{{3, 4, 0, 12}}},
		{`"input":["a","abc"],"encoding_format":"float"`, [][]float32{{1, 4, 0, 12}, {3, 4, 0, 12}}},
		{`"input":"abc","dimensions":2`, [][]float32{{0.6, 0.8}}},
		{`"input":"abc","encoding_format":"base64","dimensions":4,"user":"u"`, [][]float32{{3, 4, 0, 12}}},
	} {
		resp, body := b.call(t, "POST", "/v1/embeddings", `{"model":"tenbit",`+tt.more+`}`)
		var got struct {
			Data []struct {
				Index     int
				Embedding json.RawMessage
			}
			Usage struct {
				Total int `json:"total_tokens"`
			}
		}
		if err := json.Unmarshal([]byte(body), &got); err != nil || resp.StatusCode != 200 || len(got.Data) != len(tt.want) || got.Usage.Total != 3*len(tt.want) {
			t.Errorf("%s: got %d %s", tt.more, resp.StatusCode, body)
			continue
		}
		if !strings.Contains(tt.more, "base64") {
			if err := spec.Check("CreateEmbeddingResponse", []byte(body)); err != nil {
				t.Error(err)
			}
		}
		for i, d := range got.Data {
			if v := vector(t, d.Embedding); fmt.Sprint(v) != fmt.Sprint(tt.want[i]) || d.Index != i {
				t.Errorf("%s: got %v, want %v", tt.more, v, tt.want[i])
			}
		}
	}
	for more, param := range map[string]string{
		`"x":1`: "input", `"input":""`: "input", `"input":[]`: "input", `"input":["a",""]`: "input", `"input":[1,2]`: "input",
		`"input":"x","encoding_format":"int8"`: "encoding_format", `"input":"x","dimensions":-1`: "dimensions", `"input":"x","dimensions":9`: "dimensions",
	} {
		if resp, body := b.call(t, "POST", "/v1/embeddings", `{"model":"tenbit",`+more+`}`); resp.StatusCode != 400 || !strings.Contains(body, `"param":"`+param) {
			t.Errorf("%s: got %d %s, want 400 about %s", more, resp.StatusCode, body, param)
		}
	}
	none := open(t, fake.Says(""), fake.Says(""), localOnly)
	if resp, body := none.call(t, "POST", "/v1/embeddings", `{"model":"tenbit","input":"x"}`); resp.StatusCode != 400 {
		t.Errorf("a model without: got %d %s", resp.StatusCode, body)
	}
	away := open(t, fake.Says(""), fake.Says(""), func(g *gateway.Gateway, _ *tenbit.Tenant) { g.Remote, g.Embed = nil, embedder{tenbit.ErrUnavailable} })
	if resp, body := away.call(t, "POST", "/v1/embeddings", `{"model":"tenbit","input":"x"}`); resp.StatusCode != 502 {
		t.Errorf("a model that is away: got %d %s", resp.StatusCode, body)
	}
}

func vector(t *testing.T, raw json.RawMessage) (v []float32) {
	t.Helper()
	var s string
	if json.Unmarshal(raw, &s) != nil {
		if err := json.Unmarshal(raw, &v); err != nil {
			t.Fatal(err)
		}
		return v
	}
	b, err := base64.StdEncoding.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	for ; len(b) >= 4; b = b[4:] {
		v = append(v, math.Float32frombits(binary.LittleEndian.Uint32(b)))
	}
	return v
}

func TestModels(t *testing.T) {
	b := open(t, fake.Says(""), fake.Says(""), func(g *gateway.Gateway, _ *tenbit.Tenant) { g.Models = []string{"tenbit", "org/name:7b"} })
	_, body := b.call(t, "GET", "/v1/models", "")
	if err := spec.Check("ListModelsResponse", []byte(body)); err != nil || !strings.Contains(body, "org/name:7b") {
		t.Errorf("got %s, %v", body, err)
	}
	for path, want := range map[string]int{"tenbit": 200, "org/name:7b": 200, "org%2Fname:7b": 200, "org": 404, "": 404} {
		resp, body := b.call(t, "GET", "/v1/models/"+path, "")
		if resp.StatusCode != want || want == 200 && spec.Check("Model", []byte(body)) != nil {
			t.Errorf("%s: got %d %s, want %d", path, resp.StatusCode, body, want)
		}
	}
}

// TestLargeAnswersArePacked in a cache that is half full, behind the client's
// back, and come out as they were, from the second hit on without being unpacked.
func TestLargeAnswersArePacked(t *testing.T) {
	answer := strings.Repeat("It is wet and wide and old. ", 100)
	packed, unpacked := 0, 0
	local := fake.Says(answer)
	b := open(t, local, fake.Says(""), func(g *gateway.Gateway, _ *tenbit.Tenant) {
		g.Remote, g.Cache = nil, memory(32<<10)
		g.Pack = func(b []byte) []byte { packed++; return codec.Pack(codec.Default(), b) }
		g.Unpack = func(b []byte) ([]byte, error) { unpacked++; return codec.Unpack(codec.Default(), b, cache.MaxValue) }
	})
	const questions = 8 // of which four fill half of the cache
	for round := range 3 {
		for i := range questions {
			if resp, body := b.post(t, ask(fmt.Sprintf("The sea %d?", i))); content(t, body) != answer || round > 0 && i == questions-1 && resp.Header.Get("X-Tenbit-Route") != "cache" {
				t.Errorf("round %d: got %s, %d bytes", round, resp.Header.Get("X-Tenbit-Route"), len(body))
			}
			if err := b.g.Drain(t.Context()); err != nil { // what is packed is in the cache now
				t.Fatal(err)
			}
		}
	}
	if n := len(local.Calls()); n != questions || packed == 0 || packed > questions/2 || unpacked != packed {
		t.Errorf("the model was asked %d times, %d answers were packed, %d hits unpacked; want %d, less than half, and as many", n, packed, unpacked, questions)
	}
}

// elsewhere is what rests behind a cache.
type elsewhere struct {
	mu  sync.Mutex
	all map[cache.Key][]byte
}

func (e *elsewhere) Get(context.Context, cache.Key) (cache.Entry, error) {
	return cache.Entry{}, cache.ErrMiss
}

func (e *elsewhere) Put(k cache.Key, entry cache.Entry) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.all[k] = entry.Val
}

func (e *elsewhere) Remove(context.Context, cache.Key, time.Time) error { return nil }

// TestPackedElsewhere: what rests behind the cache is packed, and what is in
// memory is not while there is room.
func TestPackedElsewhere(t *testing.T) {
	answer := strings.Repeat("It is wet and wide and old. ", 100)
	e := &elsewhere{all: map[cache.Key][]byte{}}
	b := open(t, fake.Says(answer), fake.Says(""), func(g *gateway.Gateway, _ *tenbit.Tenant) {
		var err error
		if g.Cache, err = cache.NewExact(cache.Options{Bytes: 1 << 20, TTL: time.Hour, Behind: e}); err != nil {
			t.Fatal(err)
		}
		g.Remote = nil
		g.Pack = func(b []byte) []byte { return codec.Pack(codec.Default(), b) }
		g.Unpack = func([]byte) ([]byte, error) { return nil, errors.New("nobody should have to wait for this") }
	})
	for range 2 {
		if _, body := b.post(t, ask("The sea?")); content(t, body) != answer {
			t.Errorf("got %s", body)
		}
		if err := b.g.Drain(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	for _, val := range e.all {
		if len(val) > len(answer)/2 {
			t.Errorf("%d bytes rest behind the cache, of %d", len(val), len(answer))
		}
	}
	if len(e.all) != 1 {
		t.Errorf("%d entries rest behind the cache", len(e.all))
	}
}
