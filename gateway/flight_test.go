package gateway

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"tenbit"
	"tenbit/cache"
)

// walks counts what it walks and lets each walk go on until told, or cancelled.
type walks struct {
	begun, cancelled atomic.Int32
	ends             chan string
}

func (w *walks) walk(ctx context.Context, sink tenbit.Sink) (tenbit.Answer, error) {
	w.begun.Add(1)
	select {
	case text := <-w.ends:
		if err := sink(text); err != nil {
			return tenbit.Answer{}, err
		}
		return tenbit.Answer{Message: tenbit.Message{Content: text}}, nil
	case <-ctx.Done():
		w.cancelled.Add(1)
		time.Sleep(time.Second) // a walk that is cancelled settles before it ends
		return tenbit.Answer{}, ctx.Err()
	}
}

func newWake() chan struct{} { return make(chan struct{}, 1) }

// depart joins as streams do, whose walks run by themselves.
func depart(ctx context.Context, fs *flights, key cache.Key, share bool, wake chan struct{}, w *walks) (f *flight, first bool) {
	f, run := fs.join(ctx, key, share, wake, w.walk)
	if run != nil {
		go run() // ends with the walk
	}
	return f, run != nil
}

// ended waits for the end of a flight and returns how it was.
func ended(f *flight, wake chan struct{}) (string, error) {
	for {
		if _, done := f.next(0); done {
			a, err := f.result()
			return a.Message.Content, err
		}
		<-wake
	}
}

// A walk is cancelled when the last who waits has left, and not before.
func TestTheLastToLeaveCancels(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var fs flights
		w := &walks{ends: make(chan string)}
		key := cache.KeyOf("t", []byte("q"))
		wakes := []chan struct{}{newWake(), newWake(), newWake()}
		var f *flight
		for i, wake := range wakes {
			ctx, leave := context.WithCancel(t.Context())
			got, first := depart(ctx, &fs, key, true, wake, w)
			leave() // the starter's own context is not the walk's
			if f = got; first != (i == 0) {
				t.Errorf("%d: first is %v", i, first)
			}
		}
		for _, wake := range wakes[:2] { // the one who started it, too
			f.leave(wake)
			synctest.Wait()
			if w.begun.Load() != 1 || w.cancelled.Load() != 0 {
				t.Fatalf("%d walks, %d cancelled while somebody waits", w.begun.Load(), w.cancelled.Load())
			}
		}
		f.leave(wakes[2])
		synctest.Wait()
		if w.cancelled.Load() != 1 {
			t.Error("nobody waits, and the walk goes on")
		}
		// Who comes while it ends starts anew, and isn't disturbed by its end.
		wake := newWake()
		again, first := depart(t.Context(), &fs, key, true, wake, w)
		time.Sleep(2 * time.Second)
		other, alsoFirst := depart(t.Context(), &fs, key, true, wake, w)
		if !first || alsoFirst || again == f || other != again {
			t.Errorf("after the last has left: first %v and %v, the old flight %v, the same flight %v", first, alsoFirst, again == f, other == again)
		}
		w.ends <- "said"
		if text, err := ended(again, wake); text != "said" || err != nil {
			t.Errorf("got %q, %v", text, err)
		}
		if _, err := f.result(); !errors.Is(err, context.Canceled) {
			t.Errorf("the cancelled walk ended with %v", err)
		}
		again.leave(wake)
		other.leave(wake)
		fs.wg.Wait()
		if len(fs.all) != 0 {
			t.Errorf("%d flights are left", len(fs.all))
		}
	})
}

// Those who stay get the answer when the one who started it has left, and those
// who come late get all of its text.
func TestFlightGoesOnWithoutItsStarter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var fs flights
		w := &walks{ends: make(chan string)}
		key := cache.KeyOf("t", []byte("q"))
		starter, stays := newWake(), newWake()
		f, _ := depart(t.Context(), &fs, key, true, starter, w)
		depart(t.Context(), &fs, key, true, stays, w)
		f.leave(starter)
		w.ends <- "said"
		if text, err := ended(f, stays); text != "said" || err != nil {
			t.Errorf("got %q, %v", text, err)
		}
		if text, done := f.next(2); text != "id" || !done {
			t.Errorf("after two bytes: got %q, %v", text, done)
		}
		f.leave(stays)
		fs.wg.Wait()
	})
}

// Only equal requests of one tenant that may be shared are.
func TestWhatIsNotShared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var fs flights
		w := &walks{ends: make(chan string)}
		wake := newWake()
		key := cache.KeyOf("t", []byte("q"))
		var all []*flight
		for _, tt := range []struct {
			name  string
			key   cache.Key
			share bool
			first bool
		}{
			{"first", key, true, true},
			{"the same", key, true, false},
			{"another tenant", cache.KeyOf("u", []byte("q")), true, true},
			{"another request", cache.KeyOf("t", []byte("r")), true, true},
			{"a stream", key.With("stream"), true, true},
			{"one that keeps to itself", key, false, true},
			{"the same after it", key, true, false},
		} {
			f, first := depart(t.Context(), &fs, tt.key, tt.share, wake, w)
			all = append(all, f)
			if first != tt.first {
				t.Errorf("%s: first is %v, want %v", tt.name, first, tt.first)
			}
		}
		synctest.Wait()
		if w.begun.Load() != 5 {
			t.Errorf("%d walks, want 5", w.begun.Load())
		}
		for _, f := range all {
			f.leave(wake)
		}
		fs.wg.Wait()
		if w.cancelled.Load() != 5 {
			t.Errorf("%d walks were cancelled, want 5", w.cancelled.Load())
		}
	})
}

// Ids of calls make no difference to what is found, and nothing else is lost.
func TestAnonymous(t *testing.T) {
	const base = `{"messages":[{"role":"user","content":"x"},{"role":"assistant","tool_calls":[{"id":"call_a","function":{"name":"f"}},{"id":"call_b","function":{"name":"f"}}]},{"role":"tool","tool_call_id":"call_b","content":"1"},{"role":"tool","tool_call_id":"call_a","content":"2"}],"model":"m"}`
	for _, tt := range []struct {
		name, body string
		same       bool
	}{
		{"other ids", `{"messages":[{"role":"user","content":"x"},{"role":"assistant","tool_calls":[{"id":"1","function":{"name":"f"}},{"id":"0","function":{"name":"f"}}]},{"role":"tool","tool_call_id":"0","content":"1"},{"role":"tool","tool_call_id":"1","content":"2"}],"model":"m"}`, true},
		{"results the other way", `{"messages":[{"role":"user","content":"x"},{"role":"assistant","tool_calls":[{"id":"1","function":{"name":"f"}},{"id":"0","function":{"name":"f"}}]},{"role":"tool","tool_call_id":"1","content":"1"},{"role":"tool","tool_call_id":"0","content":"2"}],"model":"m"}`, false},
		{"one id for both", `{"messages":[{"role":"user","content":"x"},{"role":"assistant","tool_calls":[{"id":"1","function":{"name":"f"}},{"id":"1","function":{"name":"f"}}]},{"role":"tool","tool_call_id":"1","content":"1"},{"role":"tool","tool_call_id":"1","content":"2"}],"model":"m"}`, false},
		{"numbers that name nothing", `{"messages":[{"role":"user","content":"x"},{"role":"assistant","tool_calls":[{"id":"1","function":{"name":"f"}},{"id":"0","function":{"name":"f"}}]},{"role":"tool","tool_call_id":1,"content":"1"},{"role":"tool","tool_call_id":0,"content":"2"}],"model":"m"}`, false},
		{"another model", `{"messages":[{"role":"user","content":"x"},{"role":"assistant","tool_calls":[{"id":"call_a","function":{"name":"f"}},{"id":"call_b","function":{"name":"f"}}]},{"role":"tool","tool_call_id":"call_b","content":"1"},{"role":"tool","tool_call_id":"call_a","content":"2"}],"model":"n"}`, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := string(anonymous([]byte(tt.body))) == string(anonymous([]byte(base))); got != tt.same {
				t.Errorf("found as the same: %v, want %v", got, tt.same)
			}
		})
	}
	for _, body := range []string{"", "7", `{"tool_calls"`, `{"messages":7,"x":"\"tool_calls\""}`, `{"messages":[{"tool_calls":null}]}`, `{"messages":[null,{"tool_calls":[null,{"id":null}]}]}`, `{"model":"m"}`} {
		if out := anonymous([]byte(body)); len(out) == 0 && body != "" {
			t.Errorf("%q: nothing is left", body)
		}
	}
}
