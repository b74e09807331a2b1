package test

import (
	"net/http"
	"strings"
	"testing"

	"tenbit"
	"tenbit/internal/fake"
	"tenbit/internal/freeport"
)

// open is a question without a short final answer.
const open = "Write about the harbour at night."

// closed is one with a number for an answer; torn are samples that disagree.
const closed = "How many boats lie in the harbour, if 17 came and 12 left?"

// Wherever five in a row begin, 29 has most votes.
var torn = []string{"17 + 12 = 29. Answer: 29", "17 - 12 = 5. Answer: 5", "So 29. Answer: 29", "Answer: 4", "Answer: 29"}

const story = "The harbour at night is quiet. Boats rock on their moorings, and a lamp at the end of the pier draws a yellow line on the water."

// TestAnOpenAIClientGetsAnAnswer is the main job: a real OpenAI client, an
// edge, an origin, and answers that were bought by the bit.
func TestAnOpenAIClientGetsAnAnswer(t *testing.T) {
	d := deploy(t, says("The harbour is dark."), says(story), nil)
	client := newOpenAI(t)
	for _, stream := range []bool{false, true} {
		r := client.do(t, order{Base: d.URL, Key: d.Key, Body: fresh(open, stream)})
		if r.Error != nil || r.Status != http.StatusOK || r.text() != story {
			t.Fatalf("stream %v: got %d, %+v, %q; want %q", stream, r.Status, r.Error, r.text(), story)
		}
		h := http.Header{}
		for k, v := range r.Headers {
			h.Set(k, v)
		}
		m := streamMeter(t, r.Raw)
		if !stream {
			m = headerMeter(t, h)
		}
		if m.Route != "full" || m.Bits <= 0 || m.WireUp <= 0 || m.WireDown <= 0 || m.Degraded != "" {
			t.Errorf("stream %v: got %+v, want route full, and bits and wire bytes", stream, m)
		}
		if h.Get("x-request-id") == "" {
			t.Errorf("stream %v: no x-request-id", stream)
		}
		if stream && len(r.Chunks) < 3 {
			t.Errorf("the stream came in %d chunks", len(r.Chunks))
		}
	}
	models := client.do(t, order{Base: d.URL, Key: d.Key, Models: true})
	if models.Error != nil || len(models.Models) == 0 || models.Models[0].ID != "tenbit" {
		t.Errorf("models: got %+v, %+v; want tenbit", models.Models, models.Error)
	}
}

// TestTheSumOfBitsIsTheLedgersAndTheMetrics adds up what answers of every kind
// say they cost, and what the counting proxy saw.
func TestTheSumOfBitsIsTheLedgersAndTheMetrics(t *testing.T) {
	d := deploy(t, byQuestion(torn...), says("17 - 12 = 5. Answer: 5"), nil)
	start := d.left(t)
	if start != budget*tenbit.Bit {
		t.Fatalf("budget at the start: got %v, want %v", start, budget*tenbit.Bit)
	}
	var sum tenbit.Cost
	routes := map[string]int{}
	for _, tt := range []struct {
		name  string
		body  map[string]any
		large string
	}{
		{"select", chat(closed), "So 5. Answer: 5"},
		{"accept", chat("How many lamps? There are 2 and 3."), "Answer: 29"},
		{"answer", chat("How many cats are there?"), "I count again. Answer: 7777"},
		{"full", chat(open), story},
		{"streamed", chat("Write about the pier.", "stream", true), story + story},
		{"plain text", chat("Write about the sea.", "tenbit", map[string]any{"modes": []string{"plain"}}), story},
		{"cached", chat(open), story},
	} {
		up, down := d.Link.Bytes()
		d.largeSays(tt.large)
		a := d.post(t, tt.body)
		if a.Status != http.StatusOK || a.Meter.Degraded != "" {
			t.Fatalf("%s: got %d, %+v: %.300s", tt.name, a.Status, a.Meter, a.Body)
		}
		t.Logf("%s: route %s, %v bits, %d bytes up, %d down", tt.name, a.Meter.Route, a.Meter.Bits, a.Meter.WireUp, a.Meter.WireDown)
		routes[a.Meter.Route]++
		sum = sum.Add(tenbit.Cost{Bits: a.Meter.Bits, WireUp: a.Meter.WireUp, WireDown: a.Meter.WireDown})
		if nowUp, nowDown := d.Link.Bytes(); nowUp-up != a.Meter.WireUp || nowDown-down != a.Meter.WireDown {
			t.Errorf("%s: the proxy saw %d up and %d down, the answer says %d and %d", tt.name, nowUp-up, nowDown-down, a.Meter.WireUp, a.Meter.WireDown)
		}
		if want := start - sum.Bits; a.Meter.Left != want {
			t.Errorf("%s: %v bits left in the ledger, want %v", tt.name, a.Meter.Left, want)
		}
	}
	for _, r := range []string{"accept", "select", "answer", "full", "plain", "cache"} {
		if routes[r] == 0 {
			t.Errorf("no answer by %s: %v", r, routes)
		}
	}
	if got := start - d.left(t); got != sum.Bits {
		t.Errorf("the ledger says %v bits are spent, the answers %v", got, sum.Bits)
	}
	if got := tenbit.Bits(d.metric(t, "tenbit_settled_millibits_total", "")); got != sum.Bits {
		t.Errorf("the metric says %v bits, the answers %v", got, sum.Bits)
	}
	for dir, want := range map[string]int64{"up": sum.WireUp, "down": sum.WireDown} {
		if got := int64(d.metric(t, "tenbit_request_wire_bytes_total", `direction="`+dir+`"`)); got != want {
			t.Errorf("the metric says %d wire bytes %s, the answers %d", got, dir, want)
		}
	}
	up, down := d.Link.Bytes()
	for dir, want := range map[string]int64{"up": up, "down": down} {
		if got := int64(d.metric(t, "tenbit_wire_bytes_total", `connection="remote",direction="`+dir+`"`)); got != want {
			t.Errorf("the metric says %d bytes %s on the link, the proxy %d", got, dir, want)
		}
	}
}

// byQuestion answers closed questions with the given samples in turn and open
// ones with a sentence.
func byQuestion(samples ...string) func(fake.Received) fake.Behaviour {
	return func(r fake.Received) fake.Behaviour {
		if strings.Contains(string(r.Body), "How many") {
			return fake.Answers(samples[r.N%len(samples)])
		}
		return fake.Answers("It is dark.")
	}
}

// TestFullIsByteExact sends texts through the whole path, plain and streamed.
func TestFullIsByteExact(t *testing.T) {
	calls := `[{"id":"call_1","type":"function","function":{"name":"moor","arguments":"{\"berth\": 7, \"name\":\"Ægir\"}"}}]`
	tools := []any{map[string]any{"type": "function", "function": map[string]any{"name": "moor"}}}
	for _, tt := range []struct {
		name  string
		reply fake.Behaviour
		want  string
		tools string
	}{
		{name: "one emoji", reply: fake.Answers("🎉"), want: "🎉"},
		{name: "one MiB", reply: fake.Behaviour{Content: mebibyte(), Chunk: 1 << 14}, want: mebibyte()},
		{name: "invalid UTF-8", reply: fake.Answers("caf\xe9 \xf0\x9f\x8e end"), want: "caf\uFFFD \uFFFD end"},
		{name: "control bytes", reply: fake.Answers("a\x00b\tc\r\nd\u2028e"), want: "a\x00b\tc\r\nd\u2028e"},
		{name: "tool calls", reply: fake.Behaviour{ToolCalls: []byte(calls), Finish: "tool_calls"}, tools: calls},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := deploy(t, says("It is dark."), func(fake.Received) fake.Behaviour { return tt.reply }, nil)
			client := newOpenAI(t)
			for _, stream := range []bool{false, true} {
				body := fresh(open, stream)
				if tt.tools != "" {
					body["tools"] = tools
				}
				r := client.do(t, order{Base: d.URL, Key: d.Key, Body: body})
				if r.Error != nil || r.text() != tt.want {
					t.Errorf("stream %v: got %d, %+v, %d bytes %.80q; want %d bytes %.80q", stream, r.Status, r.Error, len(r.text()), r.text(), len(tt.want), tt.want)
				}
				if tt.tools != "" && !sameJSON(t, r.toolCalls(), tt.tools) {
					t.Errorf("stream %v: got tool calls %s, want %s", stream, r.toolCalls(), tt.tools)
				}
			}
		})
	}
}

// mebibyte is 2^20 bytes of varied text, 2^17 where the race detector makes the
// program ten times slower.
func mebibyte() string {
	size := 1 << 20
	if raceEnabled {
		size = 1 << 17
	}
	var b strings.Builder
	for i := 0; b.Len() < size; i++ {
		b.WriteString([]string{"The boat ", "å pier ", "has ", "no lamp. ", "Seven ", "gulls 🕊 ", "sleep\n"}[i*i*31%97%7])
	}
	return strings.ToValidUTF8(b.String()[:size], "?")
}

// TestAnEmptyAnswerKeepsTheEdgesBest: an empty answer says nothing that the edge
// does not know better.
func TestAnEmptyAnswerKeepsTheEdgesBest(t *testing.T) {
	d := deploy(t, says("It is dark."), says(""), nil)
	for _, stream := range []bool{false, true} {
		a := d.post(t, chat(open, "stream", stream))
		if a.Status != http.StatusOK || a.Text != "It is dark." || a.Meter.Bits <= 0 {
			t.Errorf("stream %v: got %d, %q, %+v; want the draft, and bits", stream, a.Status, a.Text, a.Meter)
		}
	}
}

// TestTheNextTurnIsCheap: with histories at both ends a chat's next turn, which
// repeats what was said, takes few bytes up; and once the origin was restarted
// and has forgotten, one more round trip.
func TestTheNextTurnIsCheap(t *testing.T) {
	var config tree
	d := deploy(t, says("The harbour is dark."), says(story), func(edge, origin tree) {
		edge.set("remote.histories", 8)
		origin.set("histories", 8)
		origin.set("listen", freeport.Addr(t)) // so that it can come back there
		config = origin
	})
	messages := []any{map[string]string{"role": "user", "content": open}}
	var up []int64
	for turn := range 5 {
		if turn == 3 {
			d.Origin.stop(t)
			d.Origin = start(t, "origin", config)
		}
		var a answer
		d.eventually(t, "the link", func() bool {
			a = d.post(t, chat("", "messages", messages))
			return a.Meter.Degraded == ""
		})
		if a.Status != http.StatusOK || a.Text != story || a.Meter.Route != "full" {
			t.Fatalf("turn %d: got %d, %+v: %.300s", turn, a.Status, a.Meter, a.Body)
		}
		up = append(up, a.Meter.WireUp)
		messages = append(messages, map[string]string{"role": "assistant", "content": story}, map[string]string{"role": "user", "content": "Go on, please."})
	}
	t.Logf("bytes up: %d", up)
	if up[2] > 160 || up[4] > 250 {
		t.Errorf("bytes up: %d; want at most 160 for the third turn, which has three words that are new, and 250 for the last", up)
	}
}
