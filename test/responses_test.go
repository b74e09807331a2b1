package test

import (
	"encoding/json"
	"net/http"
	"testing"

	"tenbit/internal/redistest"
)

// TestADeletedResponseIsGoneEverywhere: two edges share a Redis and both have a
// response in memory; what one deletes the other does not give any more. While
// Redis is away a deletion is refused, and the response stays.
func TestADeletedResponseIsGoneEverywhere(t *testing.T) {
	redis := redistest.Run(t)
	d := deploy(t, says("It is dark."), says(""), func(edge, origin tree) {
		alone(edge, origin)
		edge.set("cache.redis.addr", redis.Addr)
		edge.set("cache.redis.timeout", "5s") // a busy machine is not this test's subject
	})
	first := &deployment{URL: d.URL, Key: d.Key}
	d.startEdge(t, d.edgeConfig)
	second := &deployment{URL: d.URL, Key: d.Key}
	call := func(at *deployment, method, path string, body any) answer {
		t.Helper()
		resp, err := at.send(t.Context(), method, "/responses"+path, body)
		if err != nil {
			t.Fatal(err)
		}
		return read(t, resp)
	}
	var made struct{ ID string }
	if err := json.Unmarshal([]byte(call(first, http.MethodPost, "", tree{"model": "tenbit", "input": open}).Body), &made); err != nil {
		t.Fatal(err)
	}
	d.eventually(t, "the response at the second edge", func() bool { return call(second, http.MethodGet, "/"+made.ID, nil).Status == http.StatusOK })
	redis.Kill()
	if a := call(first, http.MethodDelete, "/"+made.ID, nil); a.Status != http.StatusServiceUnavailable {
		t.Errorf("a deletion without Redis: got %d %s", a.Status, a.Body)
	}
	for at, edge := range []*deployment{first, second} {
		if a := call(edge, http.MethodGet, "/"+made.ID, nil); a.Status != http.StatusOK {
			t.Errorf("edge %d after a deletion that could not be: got %d", at, a.Status)
		}
	}
	redis.Restart()
	d.eventually(t, "the deletion", func() bool { return call(first, http.MethodDelete, "/"+made.ID, nil).Status == http.StatusOK })
	d.eventually(t, "the second edge asking Redis again", func() bool { return call(second, http.MethodGet, "/"+made.ID, nil).Status == http.StatusNotFound })
	if a := call(second, http.MethodPost, "", tree{"model": "tenbit", "input": open, "previous_response_id": made.ID}); a.Status != http.StatusBadRequest {
		t.Errorf("going on from a deleted response: got %d %s", a.Status, a.Body)
	}
}
