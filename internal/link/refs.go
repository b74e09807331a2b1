package link

import (
	"bytes"
	"math/bits"

	"tenbit"
	"tenbit/codec"
)

// A ref is a request's body that has crossed, with the answer as its next turn
// where both ends know that: what the next request of the conversation begins
// and ends with. So system prompts, tools and earlier turns cross once.
type ref []byte

const (
	maxRefs     = 8         // of one tenant, the oldest make room
	maxRefBytes = 512 << 10 // of one tenant
	minShared   = 128       // bytes that a body shares with a ref, or it isn't worth naming
	worthTrying = 1 << 10   // shared bytes up to which a codeword without a ref is tried, too
	refTail     = 8 << 10   // how much of the ref before the new text primes it
)

// afterTurns is what follows the last turn in a canonical body: "model" is
// always there, and in a string its quotes would be escaped.
const afterTurns = `],"model":`

// newRef is the body that may follow an exchange.
func newRef(a tenbit.Ask, r tenbit.Reply) ref {
	var said string
	switch {
	case r.Mode == tenbit.ModeFull || r.Mode == tenbit.ModePlain:
		said = r.Message.Content
		if len(r.Message.ToolCalls) > 0 {
			said = ""
		}
	case r.Mode == tenbit.ModeAccept && a.Draft != nil:
		said = a.Draft.Content
	}
	body := a.Request.Body
	at := bytes.Index(body, []byte(afterTurns))
	if said == "" || at < 0 {
		return body
	}
	next := append(append(append(ref{}, body[:at]...), ','), tenbit.AssistantTurn(said)...)
	return append(next, body[at:]...)
}

// place says which part of a body both ends hold: its first from bytes are
// those of ref number at, its last bytes the ref's from to on: shared in all.
type place struct{ at, from, to, shared int }

// nowhere is the place in no ref.
var nowhere = place{at: -1}

// find is where body shares the most with a ref, or nowhere.
func find(refs []ref, body []byte) place {
	best := place{at: -1, shared: minShared - 1}
	for i, r := range refs {
		from := 0
		for from < len(r) && from < len(body) && r[from] == body[from] {
			from++
		}
		tail := 0
		for tail < len(r)-from && tail < len(body)-from && r[len(r)-1-tail] == body[len(body)-1-tail] {
			tail++
		}
		if from+tail > best.shared {
			best = place{i, from, len(r) - tail, from + tail}
		}
	}
	if best.at < 0 {
		return nowhere
	}
	return best
}

// fresh is the part of body that the ref doesn't hold.
func (p place) fresh(body []byte, refs []ref) []byte {
	if p.at < 0 {
		return body
	}
	return body[p.from : len(body)-(len(refs[p.at])-p.to)]
}

// whole is the inverse of fresh.
func (p place) whole(fresh []byte, refs []ref) []byte {
	if p.at < 0 {
		return fresh
	}
	r := refs[p.at]
	return append(append(append([]byte{}, r[:p.from]...), fresh...), r[p.to:]...)
}

// refOdds are those of the newest ref, then the others.
func refOdds(n int) []uint32 {
	freqs := []uint32{16}
	for len(freqs) < n {
		freqs = append(freqs, 1)
	}
	return freqs
}

// usual odds: the new text stands where turns end, and nothing is left out.
var usual = []uint32{15, 1}

// usualPlace is where a conversation goes on.
func (r ref) usualPlace() int { return max(0, bytes.Index(r, []byte(afterTurns))) }

func (p place) write(e *codec.Encoder, refs []ref) {
	e.Symbol(p.at, refOdds(len(refs)))
	r := refs[p.at]
	for _, n := range [][2]int{{p.from, r.usualPlace()}, {p.to, p.from}} {
		if n[0] == n[1] {
			e.Symbol(0, usual)
			continue
		}
		e.Symbol(1, usual)
		for shift := offsetBits(r) - 8; shift >= 0; shift -= 8 {
			e.Byte(byte(n[0] >> shift))
		}
	}
}

func readPlace(d *codec.Decoder, refs []ref) (place, error) {
	if len(refs) == 0 {
		return nowhere, errRange
	}
	i, err := d.Symbol(refOdds(len(refs)))
	if err != nil {
		return nowhere, err
	}
	p := place{at: i}
	r := refs[p.at]
	if p.from, err = readOffset(d, r, r.usualPlace()); err != nil {
		return p, err
	}
	if p.to, err = readOffset(d, r, p.from); err != nil {
		return p, err
	}
	if p.from > p.to || p.to > len(r) {
		return p, errRange
	}
	p.shared = p.from + len(r) - p.to
	return p, nil
}

// offsetBits is how many bits say where in a ref, in whole bytes.
func offsetBits(r ref) int { return (bits.Len(uint(len(r))) + 7) &^ 7 }

func readOffset(d *codec.Decoder, r ref, usually int) (int, error) {
	i, err := d.Symbol(usual)
	if err != nil || i == 0 {
		return usually, err
	}
	n := 0
	for range offsetBits(r) / 8 {
		b, err := d.Byte()
		if err != nil {
			return 0, err
		}
		n = n<<8 | int(b)
	}
	return n, nil
}

// with adds a ref. One that it continues makes room for it.
func with(refs []ref, r ref) []ref {
	if len(r) > maxRefBytes {
		return refs
	}
	kept := []ref{r}
	size := len(r)
	for _, old := range refs {
		from := min(old.usualPlace(), len(r))
		continued := len(old) <= len(r) && bytes.Equal(old[:from], r[:from])
		if size += len(old); continued || len(kept) == maxRefs || size > maxRefBytes {
			size -= len(old)
			continue
		}
		kept = append(kept, old)
	}
	return kept
}
