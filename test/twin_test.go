package test

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tenbit"
	"tenbit/codec"
	"tenbit/internal/embedded"
	"tenbit/internal/embedded/tasks"
	"tenbit/internal/fake"
	"tenbit/internal/link"
	"tenbit/policy"
)

const smallFile = "../internal/embedded/models/small.gguf"

// twinned puts the embedded small model at both ends, the origin's from a file.
func twinned(t *testing.T, file string) *deployment {
	t.Helper()
	return deploy(t, says(""), func(r fake.Received) fake.Behaviour { return fake.Answers("Answer: 7777") }, func(edge, origin tree) {
		edge["local"] = tree{"kind": "embedded", "model": "small", "timeout": "1m"}
		edge.set("policy.samples", 3)
		origin["twin"] = tree{"kind": "embedded", "model": file, "samples": 3}
	})
}

// TestATwinHasWhatTheEdgeHas: with the embedded small model at both ends every
// digest agrees, and drafts and candidates stay at home.
func TestATwinHasWhatTheEdgeHas(t *testing.T) {
	path, err := filepath.Abs(smallFile)
	if err != nil {
		t.Fatal(err)
	}
	d := twinned(t, path)
	const n = 12
	for i := range uint64(n) {
		question := tasks.Generate(tasks.Test, 5, i).Text
		if i%4 == 3 { // no final answer to vote on
			question = "Write about the harbour at night."
		}
		a := d.post(t, fresh(question, false))
		if a.Status != http.StatusOK || a.Meter.Degraded != "" || i > 0 && a.Meter.WireUp > int64(len(question))+24 {
			t.Errorf("question %d: got %d, %+v for %d bytes", i, a.Status, a.Meter, len(question))
		}
	}
	for where, at := range map[string]string{"edge": d.Edge.Admin, "origin": d.Origin.Admin} {
		same, other := metricAt(t, at, "tenbit_twin_checks_total", `"same"`), metricAt(t, at, "tenbit_twin_checks_total", `"other"`)
		if same != n || other > 0 {
			t.Errorf("the %s counts %v that are the same and %v others, want %d and none", where, same, other, n)
		}
	}
}

// TestAnotherWeightFileIsNoTwin: a file that differs in one byte is found out when
// the edge connects; drafts travel, and answers are as ever.
func TestAnotherWeightFileIsNoTwin(t *testing.T) {
	path := filepath.Join(t.TempDir(), "other.gguf")
	oneByteOff(t, func(data []byte, _ *embedded.Model) bool {
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		return false
	})
	d := twinned(t, path)
	a := d.post(t, fresh(tasks.Generate(tasks.Test, 5, 0).Text, false))
	if a.Status != http.StatusOK || a.Meter.Degraded != "" || a.Text == "" {
		t.Errorf("got %d, %+v", a.Status, a.Meter)
	}
	for where, at := range map[string]string{"edge": d.Edge.Admin, "origin": d.Origin.Admin} {
		if same, other := metricAt(t, at, "tenbit_twin_checks_total", `"same"`), metricAt(t, at, "tenbit_twin_checks_total", `"other"`); same > 0 || other != 1 {
			t.Errorf("the %s counts %v that are the same and %v others, want none and 1", where, same, other)
		}
	}
}

// oneByteOff are small models with one byte of their weights changed, in the order
// of the bytes, as long as want takes them.
func oneByteOff(t *testing.T, want func(data []byte, m *embedded.Model) (more bool)) {
	t.Helper()
	good, err := os.ReadFile(smallFile)
	if err != nil {
		t.Fatal(err)
	}
	for at := len(good) / 2; at < len(good); at += 19 {
		data := bytes.Clone(good)
		data[at] ^= 0x80
		m, err := embedded.Open(data, embedded.Options{})
		if err == nil && !want(data, m) { // else it isn't the code of a weight
			return
		}
	}
	t.Fatal("no byte does it")
}

// TestTheDigestFindsOutAWrongTwin: an origin that claims the edge's weights but
// holds others is found out by each ask whose draft differs: the edge sends it.
func TestTheDigestFindsOutAWrongTwin(t *testing.T) {
	small, err := embedded.Small(embedded.Options{})
	if err != nil {
		t.Fatal(err)
	}
	drafter := policy.Drafter{Local: small, Samples: 3, Temperature: 0.8, Seed: 1}
	var others []*embedded.Model // that say something else at least once
	first := chatRequest(t, tasks.Generate(tasks.Test, 9, 0).Text)
	right, err := small.Complete(t.Context(), first, tenbit.Sampling{})
	if err != nil {
		t.Fatal(err)
	}
	oneByteOff(t, func(_ []byte, m *embedded.Model) bool {
		c, err := m.Complete(t.Context(), first, tenbit.Sampling{})
		if err != nil {
			t.Fatal(err)
		}
		if c.Message.Content != right.Message.Content {
			others = append(others, m)
		}
		return len(others) < 2
	})
	found, differ := 0, 0
	for file, other := range others {
		wrong := drafter
		wrong.Local = other
		var told []bool
		twin := policy.Twin{Drafter: wrong, Weights: small.Digest(), Told: func(same bool) { told = append(told, same) }}
		for i := range uint64(12) {
			req := chatRequest(t, tasks.Generate(tasks.Test, 9, i).Text)
			d, err := drafter.Draft(t.Context(), req)
			if err != nil {
				t.Fatal(err)
			}
			ask := d.Ask(req)
			ask.ID, ask.Tenant, ask.Limit, ask.Modes = fmt.Sprintf("%032x", 100*uint64(file)+i+1), "t", 1000*tenbit.Bit, 1<<(tenbit.ModePlain+1)-1
			theirs, err := twin.Draft(t.Context(), tenbit.Ask{Request: req, Limit: ask.Limit, Modes: ask.Modes})
			if err != nil {
				t.Fatal(err)
			}
			same := cmp.Equal(ask.Candidates, theirs.Candidates) && cmp.Equal(ask.Draft, theirs.Draft)
			r := escalated(t, twin, drafter.Fingerprint(small.Digest()), ask)
			if r.Mode != tenbit.ModeAnswer || r.Answer != "7777" {
				t.Errorf("file %d, question %d: got %+v", file, i, r)
			}
			if last := told[len(told)-1]; last != same {
				t.Errorf("file %d, question %d: the same %v, the digest says %v", file, i, same, last)
			}
			if !same {
				differ++
			}
			if !told[len(told)-1] {
				found++
			}
		}
	}
	t.Logf("%d of 24 drafts differ, %d were found out", differ, found)
	if differ == 0 || found != differ {
		t.Errorf("%d of 24 drafts differ, %d were found out", differ, found)
	}
}

func chatRequest(t *testing.T, question string) tenbit.Request {
	t.Helper()
	req, err := tenbit.ParseRequest(fmt.Appendf(nil, `{"model":"m","messages":[{"role":"user","content":%q}]}`, question))
	if err != nil {
		t.Fatal(err)
	}
	return req
}

// answers is an origin whose large model says 7777.
type answers struct{}

func (answers) Serve(ctx context.Context, m codec.Model, a tenbit.Ask, send func([]byte) error) (tenbit.Sent, error) {
	return policy.Origin{Large: fake.Says("Answer: 7777"), Codec: m}.Serve(ctx, a, send)
}

// escalated is the reply to one ask on a link of its own.
func escalated(t *testing.T, twin link.Twin, fingerprint uint64, ask tenbit.Ask) tenbit.Reply {
	t.Helper()
	key := []byte(keySecret)
	s, err := link.NewServer(link.ServerConfig{
		Edges: []link.Edge{{Name: "edge", Token: link.HashToken(key, "token")}}, Key: key, Model: codec.Default(),
		Handler: answers{}, Candidates: policy.CandidateCoder{}, Twin: twin,
	})
	if err != nil {
		t.Fatal(err)
	}
	web := httptest.NewServer(s)
	c, err := link.NewClient(link.ClientConfig{
		URL: "ws" + strings.TrimPrefix(web.URL, "http"), Token: "token", Model: codec.Default(), Candidates: policy.CandidateCoder{}, Twin: fingerprint,
		NewDecoder: func(m codec.Model, a tenbit.Ask) link.Decoder { return policy.NewDecoder(m, a) }, PingEvery: -1,
	})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = c.Close()
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		_ = s.Shutdown(ctx)
		web.Close()
	}()
	r, err := c.Escalate(t.Context(), ask)
	if err != nil {
		t.Fatal(err)
	}
	return r
}
