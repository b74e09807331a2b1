package cache

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"tenbit"
)

func vector(r *rand.Rand, n int) []float32 {
	v := make([]float32, n)
	for i := range v {
		v[i] = float32(r.NormFloat64())
	}
	v, _ = unitVector(v)
	return v
}

// TestIndexCeiling fills an index from several sides at once: it never holds
// more than it may, and its sums are what its points take.
func TestIndexCeiling(t *testing.T) {
	const most = 200_000
	x := newIndex(most, time.Hour)
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Go(func() {
			r := rand.New(rand.NewPCG(1, uint64(i)))
			tenant := tenbit.TenantID(fmt.Sprint(i))
			for j := range 300 {
				place := KeyOf(tenant, fmt.Append(nil, j%3))
				id := KeyOf(tenant, fmt.Append(nil, "id", j%200))
				x.add(tenant, place, id, vector(r, 32+j%64))
				x.verdicts(id, KeyOf(tenant, fmt.Append(nil, j%2)))
				x.judge(id, KeyOf(tenant, fmt.Append(nil, j%2)), Verdict{0.5, true})
				x.near(place, vector(r, 32), 4)
				if got := x.bytes(); got > most {
					t.Errorf("%d bytes of %d", got, most)
				}
				if j%7 == 0 {
					x.remove(id)
				}
			}
		})
	}
	wg.Wait()
	var sum int64
	shelved := 0
	for _, p := range x.points {
		sum += p.size()
	}
	for _, all := range x.places {
		shelved += len(all)
	}
	if sum != x.used || sum == 0 || shelved != len(x.points) {
		t.Errorf("points take %d bytes, the count says %d; %d in places, %d by id", sum, x.used, shelved, len(x.points))
	}
}

// TestIndexIsFair: who fills the index pushes out its own entries first.
func TestIndexIsFair(t *testing.T) {
	x := newIndex(100_000, time.Hour)
	r := rand.New(rand.NewPCG(1, 1))
	quiet := KeyOf("quiet", []byte("place"))
	for i := range 5 {
		x.add("quiet", quiet, KeyOf("quiet", fmt.Append(nil, i)), vector(r, 64))
	}
	for i := range 1000 {
		x.add("loud", KeyOf("loud", []byte("place")), KeyOf("loud", fmt.Append(nil, i)), vector(r, 64))
	}
	if got := len(x.near(quiet, vector(r, 64), 10)); got != 5 {
		t.Errorf("the quiet tenant has %d entries left, want 5", got)
	}
}

func TestIndexPlaceIsBounded(t *testing.T) {
	x := newIndex(64<<20, time.Hour)
	r := rand.New(rand.NewPCG(1, 1))
	place := KeyOf("t", nil)
	for i := range maxPlace + 10 {
		x.add("t", place, KeyOf("t", fmt.Append(nil, i)), vector(r, 4))
	}
	if got := len(x.places[place]); got != maxPlace {
		t.Errorf("%d entries in a place, want %d", got, maxPlace)
	}
}

func TestIndexFindsTheNearest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := newIndex(1<<20, time.Minute)
		place := KeyOf("t", nil)
		ids := map[Key]string{}
		for name, v := range map[string][]float32{"east": {1, 0}, "north-east": {0.7, 0.7}, "north": {0, 1}, "in space": {1, 0, 0}} {
			id := KeyOf("t", []byte(name))
			ids[id] = name
			v, _ = unitVector(v)
			x.add("t", place, id, v)
		}
		got := x.near(place, []float32{1, 0}, 2)
		if len(got) != 2 || ids[got[0].id] != "east" || ids[got[1].id] != "north-east" || got[0].similarity != 1 {
			t.Errorf("got %v", got)
		}
		if got := x.near(KeyOf("t", []byte("elsewhere")), []float32{1, 0}, 2); got != nil {
			t.Errorf("another place: got %v", got)
		}
		time.Sleep(61 * time.Second)
		if got := x.near(place, []float32{1, 0}, 2); got != nil {
			t.Errorf("after their end: got %v", got)
		}
	})
}

func TestUnitVector(t *testing.T) {
	for _, v := range [][]float32{nil, {0, 0}, {float32nan()}, make([]float32, maxDimensions+1)} {
		if _, ok := unitVector(v); ok {
			t.Errorf("%d numbers without a direction are a vector", len(v))
		}
	}
}

func float32nan() float32 { zero := float32(0); return zero / zero }
