package link

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"tenbit"
	"tenbit/codec"

	"pgregory.net/rapid"
)

// TestPlaces: whatever is shared, what is left out of a body is put back.
func TestPlaces(t *testing.T) {
	text := rapid.SliceOfN(rapid.SampledFrom([]byte("ab]")), 0, 400)
	rapid.Check(t, func(t *rapid.T) {
		var refs []ref
		for range rapid.IntRange(0, 4).Draw(t, "refs") {
			refs = append(refs, text.Draw(t, "ref"))
		}
		body := text.Draw(t, "body")
		if len(refs) > 0 && rapid.Bool().Draw(t, "continued") {
			r := refs[0]
			at := rapid.IntRange(0, len(r)).Draw(t, "at")
			body = bytes.Join([][]byte{r[:at], body, r[at:]}, nil)
		}
		p := find(refs, body)
		if p.at < 0 {
			return
		}
		e := codec.NewEncoder()
		p.write(e, refs)
		d := codec.NewDecoder()
		d.Feed(append(e.Take(), e.Finish()...))
		d.End()
		got, err := readPlace(d, refs)
		if err != nil || got != p || d.Finish() != nil {
			t.Fatalf("wrote %+v, read %+v, %v", p, got, err)
		}
		if again := got.whole(got.fresh(body, refs), refs); !bytes.Equal(again, body) {
			t.Fatalf("%q becomes %q", body, again)
		}
	})
}

// TestConversation: of each further turn only what is new crosses.
func TestConversation(t *testing.T) {
	o := newOrigin(t, &echo{say: answer("The <lamp> turns \"once\" & a half.")}, func(s *ServerConfig) { s.Histories, s.Learner = 4, still{} })
	c := newClient(t, o.url, func(c *ClientConfig) { c.Histories, c.Learner = 4, still{} })
	turns := []map[string]string{{"role": "system", "content": sixKilobytes}}
	var first, last int64
	for i := range 6 {
		turns = append(turns, map[string]string{"role": "user", "content": "And how does the lamp turn, at night?"})
		a := askOf(t, testID(i+1), turns)
		r, err := c.Escalate(t.Context(), a)
		if err != nil {
			t.Fatal(err)
		}
		turns = append(turns, map[string]string{"role": "assistant", "content": r.Message.Content})
		if i == 0 {
			first = r.Cost.WireUp
		}
		last = r.Cost.WireUp
	}
	if last > 60 || last*10 > first {
		t.Errorf("%d bytes up for the first question, %d for the last", first, last)
	}
}

// still learns nothing itself, so that refs are all there is.
type still struct{}

func (still) Form() uint8                                                   { return 7 }
func (still) Fresh(uint8) codec.Model                                       { return codec.Default() }
func (still) After(m codec.Model, _ tenbit.Ask, _ tenbit.Reply) codec.Model { return m }

var sixKilobytes = func() string {
	var b bytes.Buffer
	for i := 0; b.Len() < 6000; i++ {
		b.WriteString("Rule ")
		b.WriteByte(byte('a' + i%26))
		b.WriteString(": the keeper of light ")
		b.WriteByte(byte('a' + i*7%26))
		b.WriteString(" writes the hour, the wind and the turns of the prism into the book. ")
	}
	return b.String()
}()

// TestWithRefs: refs are bounded, and a conversation has one.
func TestWithRefs(t *testing.T) {
	var refs []ref
	turns := []map[string]string{{"role": "user", "content": "one"}}
	for range 5 {
		refs = with(refs, askOf(t, testID(1), turns).Request.Body)
		turns = append(turns, map[string]string{"role": "user", "content": "and another"})
	}
	if len(refs) != 1 {
		t.Errorf("%d refs of one conversation", len(refs))
	}
	for i := range 3 * maxRefs {
		refs = with(refs, askOf(t, testID(1), []map[string]string{{"role": "user", "content": string(rune('a' + i))}}).Request.Body)
	}
	if len(refs) != maxRefs {
		t.Errorf("%d refs", len(refs))
	}
	refs = with(refs, make(ref, maxRefBytes-10))
	if len(refs) != 1 {
		t.Errorf("%d refs beside a large one", len(refs))
	}
	if got := with(refs, make(ref, maxRefBytes+1)); len(got) != 1 || len(got[0]) != maxRefBytes-10 {
		t.Error("a ref that is too large was kept")
	}
}

// TestRefMiss: an origin that lost what crossed costs one more round trip, never
// an error; and parts that are not what the edge has are found out.
func TestRefMiss(t *testing.T) {
	led := &ledger{left: tenbit.MaxBits}
	o := newOrigin(t, &echo{say: answer("Once an hour.")}, func(s *ServerConfig) { s.Histories, s.Learner, s.Ledger = 4, still{}, led })
	c := newClient(t, o.url, func(c *ClientConfig) { c.Histories, c.Learner = 4, still{} })
	turns := []map[string]string{{"role": "system", "content": sixKilobytes}}
	var sum tenbit.Bits
	var misses []int
	for i, spoil := range []func(){
		func() {}, func() {},
		func() { o.edges[0].memories.all = nil },
		func() {},
		func() { // the same length, so that only the digest tells
			next := o.edges[0].memories.all[0].next
			o.edges[0].memories.all[0].next = func() *history {
				h := *next()
				h.refs = []ref{bytes.ToUpper(h.refs[0])}
				return &h
			}
		},
		func() {},
	} {
		spoil()
		turns = append(turns, map[string]string{"role": "user", "content": "And how does the lamp turn, at night?"})
		r, err := c.Escalate(t.Context(), askOf(t, testID(i+1), turns))
		if err != nil || r.Message.Content != "Once an hour." {
			t.Fatalf("turn %d: %q, %v", i, r.Message.Content, err)
		}
		turns = append(turns, map[string]string{"role": "assistant", "content": r.Message.Content})
		if sum += r.Cost.Bits; led.spent() != sum {
			t.Errorf("turn %d: the edge has %v in all, the origin's ledger %v", i, sum, led.spent())
		}
		n := 0
		for _, s := range led.settled {
			if strings.HasSuffix(s.ID, CodeMismatch.String()) && s.Spent == ErrorPrice {
				n++
			}
		}
		misses = append(misses, n)
	}
	if want := []int{0, 0, 1, 1, 2, 2}; !slices.Equal(misses, want) {
		t.Errorf("misses so far, turn by turn: %v, want %v", misses, want)
	}
}

// TestProof: everything that steers a reply is in the digest, and so is the
// connection's key.
func TestProof(t *testing.T) {
	base := func() tenbit.Ask {
		a := newAsk(t, testID(1), "How often does the lamp turn?")
		a.Draft = &tenbit.Message{Content: "Often."}
		a.Candidates = []tenbit.Candidate{{Answer: "21", Votes: 3}, {Hash: 9, Votes: 1}}
		a.Questions = []tenbit.Question{{Text: "Is it?", Yes: 100}}
		return a
	}
	seen := map[proof]string{}
	h := &history{chain: 1}
	for name, p := range map[string]proof{
		"base": prove(base(), nil, key{}), "key": prove(base(), nil, key{1}), "history": prove(base(), h, key{}), "another": prove(base(), &history{chain: 2}, key{}),
	} {
		seen[p] = name
	}
	for name, change := range map[string]func(a *tenbit.Ask){
		"request":  func(a *tenbit.Ask) { a.Request = newAsk(t, testID(1), "How often does the lamp burn?").Request },
		"no draft": func(a *tenbit.Ask) { a.Draft = nil },
		"draft":    func(a *tenbit.Ask) { a.Draft.Content = "Seldom." },
		"tools":    func(a *tenbit.Ask) { a.Draft.ToolCalls = []byte("[]") },
		"refusal":  func(a *tenbit.Ask) { a.Draft.Refusal = "No." },
		"votes":    func(a *tenbit.Ask) { a.Candidates[0].Votes++ },
		"hash":     func(a *tenbit.Ask) { a.Candidates[1].Hash++ },
		"answer":   func(a *tenbit.Ask) { a.Candidates[0].Answer = "12" },
		"fewer":    func(a *tenbit.Ask) { a.Candidates = a.Candidates[:1] },
		"odds":     func(a *tenbit.Ask) { a.Questions[0].Yes++ },
		"question": func(a *tenbit.Ask) { a.Questions[0].Text = "Was it?" },
		"none":     func(a *tenbit.Ask) { a.Questions = nil },
	} {
		a := base()
		change(&a)
		p := prove(a, nil, key{})
		if other, ok := seen[p]; ok {
			t.Errorf("%s and %s have one digest", name, other)
		}
		seen[p] = name
	}
}
