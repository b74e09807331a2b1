package redistest

import (
	"cmp"
	"encoding/binary"
	"math"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/alicebob/miniredis/v2"
	"github.com/alicebob/miniredis/v2/server"
)

// Vectors starts a scripted server with the vector sets of Redis 8, until the
// test ends: miniredis, and on top of it the commands VADD, VSIM, VREM, VCARD
// and VRANDMEMBER with the forms that we use, after the documentation of Redis.
// It stands in for a Redis 8 where none can be had.
func Vectors(t testing.TB) *miniredis.Miniredis {
	t.Helper()
	m := miniredis.RunT(t)
	v := &vectorSets{sets: map[string]map[string][]float32{}}
	for name, f := range map[string]server.Cmd{"VADD": v.add, "VSIM": v.sim, "VREM": v.rem, "VCARD": v.card, "VRANDMEMBER": v.random} {
		if err := m.Server().Register(name, f); err != nil {
			t.Fatal(err)
		}
	}
	return m
}

// vectorSets are vectors by key and element.
type vectorSets struct {
	mu   sync.Mutex // guards sets
	sets map[string]map[string][]float32
}

const wrongArguments = "ERR wrong number of arguments or unknown form"

// add is VADD key FP32 blob element.
func (v *vectorSets) add(c *server.Peer, _ string, args []string) {
	if len(args) != 4 || !strings.EqualFold(args[1], "FP32") || len(args[2])%4 != 0 || args[2] == "" {
		c.WriteError(wrongArguments)
		return
	}
	vector := floats(args[2])
	v.mu.Lock()
	defer v.mu.Unlock()
	set := v.sets[args[0]]
	for _, other := range set {
		if len(other) != len(vector) {
			c.WriteError("ERR Vector dimension mismatch - got " + strconv.Itoa(len(vector)) + " but set has " + strconv.Itoa(len(other)))
			return
		}
	}
	if set == nil {
		set = map[string][]float32{}
		v.sets[args[0]] = set
	}
	_, had := set[args[3]]
	set[args[3]] = vector
	writeBool(c, !had)
}

// sim is VSIM key FP32 blob [WITHSCORES] [COUNT n], a map to those who speak RESP3.
func (v *vectorSets) sim(c *server.Peer, _ string, args []string) {
	count, scores := 10, false
	ok := len(args) >= 3 && strings.EqualFold(args[1], "FP32")
	for i := 3; ok && i < len(args); i++ {
		switch strings.ToUpper(args[i]) {
		case "WITHSCORES":
			scores = true
		case "COUNT":
			var err error
			if i++; i < len(args) {
				count, err = strconv.Atoi(args[i])
			}
			ok = err == nil && i < len(args)
		default:
			ok = false
		}
	}
	if !ok || !scores {
		c.WriteError(wrongArguments)
		return
	}
	type scored struct {
		element string
		score   float64
	}
	var found []scored
	v.mu.Lock()
	for element, vector := range v.sets[args[0]] {
		found = append(found, scored{element, (1 + cosine(vector, floats(args[2]))) / 2})
	}
	v.mu.Unlock()
	slices.SortFunc(found, func(a, b scored) int { return cmp.Compare(b.score, a.score) })
	found = found[:min(len(found), count)]
	if c.Resp3 {
		c.WriteMapLen(len(found))
	} else {
		c.WriteLen(2 * len(found))
	}
	for _, f := range found {
		c.WriteBulk(f.element)
		c.WriteFloat(f.score)
	}
}

// rem is VREM key element.
func (v *vectorSets) rem(c *server.Peer, _ string, args []string) {
	if len(args) != 2 {
		c.WriteError(wrongArguments)
		return
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	_, had := v.sets[args[0]][args[1]]
	delete(v.sets[args[0]], args[1])
	writeBool(c, had)
}

// card is VCARD key.
func (v *vectorSets) card(c *server.Peer, _ string, args []string) {
	if len(args) != 1 {
		c.WriteError(wrongArguments)
		return
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	c.WriteInt(len(v.sets[args[0]]))
}

// random is VRANDMEMBER key.
func (v *vectorSets) random(c *server.Peer, _ string, args []string) {
	if len(args) != 1 {
		c.WriteError(wrongArguments)
		return
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	for element := range v.sets[args[0]] {
		c.WriteBulk(element)
		return
	}
	c.WriteNull()
}

func writeBool(c *server.Peer, b bool) {
	switch {
	case c.Resp3 && b:
		c.WriteRaw("#t\r\n")
	case c.Resp3:
		c.WriteRaw("#f\r\n")
	case b:
		c.WriteInt(1)
	default:
		c.WriteInt(0)
	}
}

func floats(blob string) (out []float32) {
	for b := []byte(blob); len(b) >= 4; b = b[4:] {
		out = append(out, math.Float32frombits(binary.LittleEndian.Uint32(b)))
	}
	return out
}

func cosine(a, b []float32) float64 {
	var ab, aa, bb float64
	for i := range min(len(a), len(b)) {
		ab += float64(a[i]) * float64(b[i])
		aa += float64(a[i]) * float64(a[i])
		bb += float64(b[i]) * float64(b[i])
	}
	if aa == 0 || bb == 0 {
		return 0
	}
	return ab / math.Sqrt(aa*bb)
}
