package link

import (
	"bytes"
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
func (still) Fresh() codec.Model                                            { return codec.Default() }
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
