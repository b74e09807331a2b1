package cache

import (
	"bytes"
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"tenbit"
)

// reference is memory in plain words: a list of entries, newest first.
type reference struct {
	total, most int64 // blocks
	list        []refEntry
	ids         []tenbit.TenantID // in the order in which they came
}

type refEntry struct {
	key Key
	Entry
	blocks int64
}

func (r *reference) held(id tenbit.TenantID) (n int64) {
	for _, e := range r.list {
		if id == "" || e.key.tenant == id {
			n += e.blocks
		}
	}
	return n
}

func (r *reference) drop(i int) { r.list = slices.Delete(r.list, i, i+1) }

func (r *reference) index(k Key) int {
	return slices.IndexFunc(r.list, func(e refEntry) bool { return e.key == k })
}

func (r *reference) evict(id tenbit.TenantID) bool {
	for i, e := range slices.Backward(r.list) {
		if e.key.tenant == id {
			r.drop(i)
			return true
		}
	}
	return false
}

func (r *reference) get(k Key, now time.Time) ([]byte, bool) {
	i := r.index(k)
	if i < 0 {
		return nil, false
	}
	e := r.list[i]
	r.drop(i)
	if !e.Expires.After(now) {
		return nil, false
	}
	r.list = slices.Insert(r.list, 0, e)
	return e.Val, true
}

func (r *reference) put(k Key, e Entry) {
	if i := r.index(k); i >= 0 {
		r.drop(i)
	}
	need := int64(1)
	for room := 64; room < len(e.Val); room += 124 {
		need++
	}
	if need > max(r.most/8, 1) {
		return
	}
	if !slices.Contains(r.ids, k.tenant) {
		r.ids = append(r.ids, k.tenant)
	}
	for r.held(k.tenant)+need > r.most {
		r.evict(k.tenant)
	}
	for r.held("")+need > r.total {
		victim, most := k.tenant, r.held(k.tenant)+need
		for _, id := range r.ids {
			if id != k.tenant && r.held(id) > most {
				victim, most = id, r.held(id)
			}
		}
		if !r.evict(victim) {
			return
		}
	}
	r.list = slices.Insert(r.list, 0, refEntry{k, e, need})
}

func TestMemoryIsAnLRU(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		size := rapid.Int64Range(MinBytes, 64<<10).Draw(t, "size")
		tenant := rapid.SampledFrom([]int64{0, size / 2, size / 3}).Draw(t, "tenant")
		m, err := newMemory(size, tenant)
		if err != nil {
			t.Fatal(err)
		}
		want := &reference{total: m.blocks.left, most: m.most}
		start := time.UnixMilli(1_000_000)
		now := start
		for range rapid.IntRange(1, 300).Draw(t, "steps") {
			k := KeyOf(tenbit.TenantID(rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "tenant id")), []byte{rapid.Byte().Draw(t, "key")})
			switch rapid.IntRange(0, 9).Draw(t, "what") {
			case 0:
				m.remove(k)
				if i := want.index(k); i >= 0 {
					want.drop(i)
				}
			case 1:
				now = now.Add(time.Duration(rapid.IntRange(0, 1000).Draw(t, "ms")) * time.Millisecond)
			case 2, 3, 4:
				got, ok := m.get(k, now)
				exp, expOK := want.get(k, now)
				if ok != expOK || !bytes.Equal(got, exp) {
					t.Fatalf("get: got %d bytes, %v; want %d, %v", len(got), ok, len(exp), expOK)
				}
			default:
				e := Entry{bytes.Repeat([]byte{byte(now.UnixMilli())}, rapid.IntRange(0, 3000).Draw(t, "len")), now.Add(time.Second)}
				m.put(k, e)
				want.put(k, e)
			}
			if roomy := 2*(want.held(k.tenant)+1) <= want.most && 2*(want.held("")+1) <= want.total; m.roomy(k.tenant, 64) != roomy {
				t.Fatalf("roomy: got %v with %d of %d and %d of %d blocks", !roomy, want.held(k.tenant), want.most, want.held(""), want.total)
			}
			u := m.usage()
			if u.Entries != int64(len(want.list)) || u.Bytes != want.held("")*blockSize || m.blocks.left+u.Bytes/blockSize != want.total {
				t.Fatalf("got %+v and %d blocks left, want %d entries in %d of %d blocks", u, m.blocks.left, len(want.list), want.held(""), want.total)
			}
		}
		for _, e := range want.list {
			if got, ok := m.get(e.key, start); !ok || !bytes.Equal(got, e.Val) {
				t.Fatalf("at the end: got %d bytes, %v; want %d", len(got), ok, len(e.Val))
			}
		}
	})
}

// Everything counts: the blocks and the table fill what was asked for, and not a
// byte more.
func TestMemoryTakesWhatItMay(t *testing.T) {
	for _, size := range []int64{MinBytes, 10_000, 1 << 20, 64 << 20, 1<<30 + 1} {
		m, err := newMemory(size, 0)
		if err != nil {
			t.Fatal(err)
		}
		if took := int64(len(m.table)) + m.blocks.left*blockSize; took > size || took < size-blockSize || int64(len(m.blocks.mem)) != m.blocks.left*blockSize {
			t.Errorf("%d bytes: took %d", size, took)
		}
	}
}

// One tenant's flood leaves the others what they have.
func TestATenantCannotPushOutOthers(t *testing.T) {
	for _, tt := range []struct {
		name   string
		tenant int64
		most   int64 // that the flood may hold
	}{
		{"no ceiling of its own", 0, 1 << 20},
		{"a quarter", 256 << 10, 256 << 10},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := open(t, Options{Bytes: 1 << 20, Tenant: tt.tenant, TTL: time.Hour})
			quiet := make([]Key, 300)
			for i := range quiet {
				quiet[i] = KeyOf("quiet", fmt.Append(nil, i))
				c.Put(t.Context(), quiet[i], make([]byte, 200))
			}
			held := c.Usage().Bytes
			for i := range 20_000 {
				c.Put(t.Context(), KeyOf("flood", fmt.Append(nil, i)), make([]byte, 100+i%1000))
			}
			for i, k := range quiet {
				if _, ok := c.Get(t.Context(), k); !ok {
					t.Fatalf("the flood pushed out entry %d", i)
				}
			}
			if got := c.Usage().Bytes - held; got > tt.most || got < tt.most/2 {
				t.Errorf("the flood holds %d bytes, want nearly %d", got, tt.most)
			}
			if _, ok := c.Get(t.Context(), KeyOf("flood", fmt.Append(nil, 19_999))); !ok {
				t.Error("the flood's own newest entry is gone")
			}
		})
	}
}

// Two who want everything get half each.
func TestTenantsShareEqually(t *testing.T) {
	c := open(t, Options{Bytes: 1 << 20, TTL: time.Hour})
	for i := range 20_000 {
		c.Put(t.Context(), KeyOf("first", fmt.Append(nil, i)), make([]byte, 300))
	}
	for i := range 20_000 {
		c.Put(t.Context(), KeyOf("second", fmt.Append(nil, i)), make([]byte, 300))
	}
	var held [2]int64
	for i, id := range []tenbit.TenantID{"first", "second"} {
		held[i] = c.mem.tenants[c.mem.slots[id]].blocks * blockSize
	}
	if diff := held[0] - held[1]; diff < -1024 || diff > 1024 {
		t.Errorf("they hold %d and %d bytes", held[0], held[1])
	}
}

func BenchmarkMemory(b *testing.B) {
	c, err := NewExact(Options{Bytes: 64 << 20, TTL: time.Hour})
	if err != nil {
		b.Fatal(err)
	}
	val := make([]byte, 300)
	i := 0
	for b.Loop() {
		k := KeyOf("t", fmt.Append(nil, i))
		c.Put(b.Context(), k, val)
		if _, ok := c.Get(b.Context(), k); !ok {
			b.Fatal("miss")
		}
		i++
	}
}
