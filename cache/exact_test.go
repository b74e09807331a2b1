package cache

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"tenbit"
)

func open(t testing.TB, o Options) *Exact {
	t.Helper()
	c, err := NewExact(o)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// Names with separators, of any length, lead to keys of their own.
func TestKeysOfTenantsNeverMeet(t *testing.T) {
	seen := map[[32]byte]string{}
	for _, tenant := range []string{"", "a", "ab", "a\n", "a:b", "a/b", "a\x00", "\x00\x00\x00\x00\x00\x00\x00\x01a", string(make([]byte, 1<<16))} {
		for _, body := range []string{"", "c", "bc", "\nc", ":b", "b:c", "response\nresp_1", string(make([]byte, 1<<16))} {
			k := KeyOf(tenbit.TenantID(tenant), []byte(body))
			for what, k := range map[string]Key{"": k, "stream": k.With("stream")} {
				name := fmt.Sprintf("%.20q %.20q %s", tenant, body, what)
				if other, ok := seen[k.sum]; ok {
					t.Errorf("%s and %s share a key", name, other)
				}
				seen[k.sum] = name
			}
		}
	}
}

// The tenant is compared for its own sake, too.
func TestATenantIsMoreThanItsSum(t *testing.T) {
	c := open(t, Options{Bytes: 1 << 20, TTL: time.Hour})
	c.Put(t.Context(), Key{tenant: "a", sum: [32]byte{1}}, []byte("a's"))
	c.Put(t.Context(), Key{tenant: "b", sum: [32]byte{2}}, []byte("b's"))
	if _, ok := c.Get(t.Context(), Key{tenant: "b", sum: [32]byte{1}}); ok {
		t.Error("the same sum gave b what is a's")
	}
}

func TestCeilingUnderConcurrency(t *testing.T) {
	c := open(t, Options{Bytes: 10000, TTL: time.Hour})
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for j := range 200 {
				k := KeyOf(tenbit.TenantID(fmt.Sprint(i%3)), fmt.Append(nil, i, j))
				c.Put(t.Context(), k, make([]byte, 100+j))
				c.Get(t.Context(), k)
			}
		})
	}
	wg.Wait()
	u := c.Usage()
	if u.Bytes > 10000 || u.Bytes < 5000 || u.Evicted+u.Entries != 1600 {
		t.Errorf("got %+v of 10000 bytes and 1600 entries", u)
	}
	k := KeyOf("t", []byte("large"))
	c.Put(t.Context(), k, make([]byte, 5000))
	if _, ok := c.Get(t.Context(), k); ok {
		t.Error("a value of half the ceiling was kept")
	}
}

func TestLimitsAreChecked(t *testing.T) {
	for _, o := range []Options{
		{},
		{Bytes: MinBytes},
		{Bytes: MinBytes - 1, TTL: time.Hour},
		{Bytes: MinBytes, TTL: time.Hour, Tenant: MinBytes + 1},
		{Bytes: 1 << 20, TTL: time.Hour, Tenant: 1}, // less than any entry
		{Bytes: 1 << 20, TTL: time.Hour, Tenant: MinBytes - 1},
		{Bytes: MinBytes, TTL: time.Hour, Jitter: 1},
		{Bytes: 1 << 62, TTL: time.Hour},
	} {
		if _, err := NewExact(o); err == nil {
			t.Errorf("%+v: no error", o)
		}
	}
}

// Entries that came together end apart, within the jitter and never late.
func TestExpiry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hits := map[bool]int{}
		c := open(t, Options{Bytes: 1 << 20, TTL: time.Minute, Jitter: 0.5, Seen: func(hit bool) { hits[hit]++ }})
		keys := make([]Key, 100)
		for i := range keys {
			keys[i] = KeyOf("t", []byte{byte(i)})
			c.Put(t.Context(), keys[i], []byte("x"))
		}
		var left []int
		for _, wait := range []time.Duration{29900 * time.Millisecond, 15 * time.Second, 15100 * time.Millisecond} {
			time.Sleep(wait)
			before := hits[true]
			for _, k := range keys {
				c.Get(t.Context(), k)
			}
			left = append(left, hits[true]-before)
		}
		if left[0] != 100 || left[1] < 20 || left[1] > 80 || left[2] != 0 {
			t.Errorf("left after 30, 45 and 60 s: %v; want all, about half, none", left)
		}
		if u := c.Usage(); u.Entries != 0 || u.Bytes != 0 {
			t.Errorf("ended entries still take %+v", u)
		}
	})
}

// scripted is a store behind the memory.
type scripted struct {
	all     map[Key]Entry
	refuses error
}

func (s *scripted) Get(_ context.Context, k Key) (Entry, error) {
	e, ok := s.all[k]
	if !ok {
		return Entry{}, ErrMiss
	}
	return e, nil
}

func (s *scripted) Put(k Key, e Entry) { s.all[k] = e }

func (s *scripted) Remove(_ context.Context, k Key, until time.Time) error {
	if s.refuses == nil {
		s.all[k] = Entry{Expires: until}
	}
	return s.refuses
}

// What comes from behind keeps its end: it does not live once more.
func TestBehindTheMemory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &scripted{all: map[Key]Entry{}}
		first := open(t, Options{Bytes: 1 << 20, TTL: time.Minute, Behind: s})
		second := open(t, Options{Bytes: 1 << 20, TTL: time.Minute, Behind: s})
		k := KeyOf("t", nil)
		first.Put(t.Context(), k, []byte("x"))
		time.Sleep(40 * time.Second)
		if _, ok := second.Get(t.Context(), k); !ok {
			t.Error("not found behind the memory")
		}
		time.Sleep(30 * time.Second)
		for _, c := range []*Exact{first, second} {
			if _, ok := c.Get(t.Context(), k); ok {
				t.Error("hit after the entry's end")
			}
		}
		first.Put(t.Context(), k, []byte("y"))
		s.refuses = errors.New("away")
		if err := first.Remove(t.Context(), k); !errors.Is(err, s.refuses) {
			t.Errorf("remove: got %v", err)
		}
		if _, ok := first.Get(t.Context(), k); !ok {
			t.Error("what could not be removed everywhere is gone here")
		}
		s.refuses = nil
		if err := first.Remove(t.Context(), k); err != nil {
			t.Errorf("remove: got %v", err)
		}
		if _, ok := first.Get(t.Context(), k); ok {
			t.Error("hit after removal")
		}
	})
}

// TestShared: what one removes the other, which has it in memory, does not give
// any more, and gives what behind them is not known yet, or not at the moment.
func TestShared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &scripted{all: map[Key]Entry{}}
		o := Options{Bytes: 1 << 20, TTL: time.Minute, Behind: s}
		alone := open(t, o)
		o.Shared = true
		first, second := open(t, o), open(t, o)
		k := KeyOf("a", nil)
		first.Put(t.Context(), k, []byte("x"))
		for _, c := range []*Exact{first, second, alone} {
			if val, ok := c.Get(t.Context(), k); !ok || string(val) != "x" {
				t.Fatalf("got %q, %v", val, ok)
			}
		}
		behind := s.all[k]
		delete(s.all, k)
		if _, ok := second.Get(t.Context(), k); !ok {
			t.Error("what is lost behind it is lost in memory")
		}
		s.all[k] = behind
		if err := first.Remove(t.Context(), k); err != nil {
			t.Fatal(err)
		}
		if _, ok := second.Get(t.Context(), k); ok {
			t.Error("hit on what another removed")
		}
		delete(s.all, k)
		if _, ok := second.Get(t.Context(), k); ok {
			t.Error("what another removed is still in memory")
		}
		if _, ok := alone.Get(t.Context(), k); !ok {
			t.Error("who does not share asks behind the memory")
		}
	})
}

// TestReplace: another form of a value ends when the first would have, and comes
// to life neither without it nor after it.
func TestReplace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := open(t, Options{Bytes: 1 << 20, TTL: time.Hour})
		k, none := KeyOf("a", []byte("k")), KeyOf("a", []byte("none"))
		c.Put(t.Context(), k, []byte("small"))
		time.Sleep(30 * time.Minute) // of the bubble's clock
		c.Replace(k, []byte("small"), []byte("as it was"))
		c.Replace(k, []byte("small"), []byte("what came before")) // is not there any more
		c.Replace(k, []byte("as it was"), make([]byte, 1<<20))    // too large: what is there stays
		c.Replace(none, nil, []byte("x"))
		if val, ok := c.Get(t.Context(), k); !ok || string(val) != "as it was" {
			t.Errorf("got %q, %v", val, ok)
		}
		time.Sleep(31 * time.Minute)
		c.Replace(k, []byte("as it was"), []byte("again"))
		for _, k := range []Key{k, none} {
			if val, ok := c.Get(t.Context(), k); ok {
				t.Errorf("got %q, want nothing", val)
			}
		}
		if u := c.Usage(); u.Entries != 0 {
			t.Errorf("got %+v", u)
		}
	})
}

// TestReplaceBehind: only while memory keeps what the new form was made of.
func TestReplaceBehind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &scripted{all: map[Key]Entry{}}
		c := open(t, Options{Bytes: 1 << 20, TTL: time.Hour, Behind: s})
		k := KeyOf("a", nil)
		c.Put(t.Context(), k, []byte("first"))
		end := s.all[k].Expires.Truncate(time.Millisecond)
		time.Sleep(30 * time.Minute)
		c.ReplaceBehind(k, []byte("first"), []byte("1"))
		if e := s.all[k]; string(e.Val) != "1" || !e.Expires.Equal(end) {
			t.Errorf("got %q until %v, want 1 until %v", e.Val, e.Expires, end)
		}
		c.Put(t.Context(), k, []byte("other"))
		c.ReplaceBehind(k, []byte("first"), []byte("1"))
		if e := s.all[k]; string(e.Val) != "other" {
			t.Errorf("got %q in the place of a newer value", e.Val)
		}
		if val, _ := c.Get(t.Context(), k); string(val) != "other" {
			t.Errorf("memory has %q, want what it had", val)
		}
		time.Sleep(time.Hour)
		delete(s.all, k)
		if c.ReplaceBehind(k, []byte("other"), []byte("2")); len(s.all) != 0 {
			t.Error("a form of a value that has ended came to life")
		}
	})
}

// late is a store that is so slow that the value has changed when it answers.
type late struct {
	scripted
	meanwhile func()
}

func (l *late) Get(ctx context.Context, k Key) (Entry, error) {
	e, err := l.scripted.Get(ctx, k)
	l.meanwhile()
	return e, err
}

// TestALateRead does not take the place of what was put meanwhile.
func TestALateRead(t *testing.T) {
	k := KeyOf("a", nil)
	s := &late{scripted: scripted{all: map[Key]Entry{k: {[]byte("old"), time.Now().Add(time.Hour)}}}}
	c := open(t, Options{Bytes: 1 << 20, TTL: time.Hour, Behind: s})
	s.meanwhile = func() { c.Put(t.Context(), k, []byte("new")) }
	c.Get(t.Context(), k)
	if val, ok := c.Get(t.Context(), k); !ok || string(val) != "new" {
		t.Errorf("got %q, %v, want the new value", val, ok)
	}
}
