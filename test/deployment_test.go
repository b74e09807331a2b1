package test

import (
	"io"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"tenbit"
	"tenbit/internal/fake"
)

// deployment is an edge and an origin, a counting proxy on the link between
// them, and a scripted model beside each.
type deployment struct {
	URL    string // the edge's API, with /v1
	Key    string
	Local  *fake.Upstream
	Large  *fake.Upstream
	Link   *fake.Proxy
	Edge   *process
	Origin *process

	edgeConfig tree
	local      atomic.Pointer[string] // what the local model says, where a test has changed it
	large      atomic.Pointer[string] // the same of the large one
}

// budget is what the deployments' tenant has, far more than any test spends
// unless it sets another.
const budget = 1_000_000_000

// deploy starts everything. The large model answers with large, the local one
// with local; change alters the configurations before the processes start.
func deploy(t *testing.T, local, large func(fake.Received) fake.Behaviour, change func(edge, origin tree)) *deployment {
	t.Helper()
	d := new(deployment)
	d.Local = fake.NewUpstream(t, unless(&d.local, local))
	d.Large = fake.NewUpstream(t, unless(&d.large, large))
	key, hash := newKey(t)
	token, tokenHash := newKey(t)
	d.Key = key
	edge := edgeTree(t, d.Local.URL, hash, token)
	origin := originTree(t, d.Large.URL, tokenHash)
	if change != nil {
		change(edge, origin)
	}
	t.Cleanup(func() { d.discreet(t, key, token, keySecret) })
	d.Origin = start(t, "origin", origin)
	d.Link = fake.NewProxy(t, d.Origin.Addr)
	scheme := "ws://"
	if origin["tls"] != nil {
		scheme = "wss://"
	}
	edge.set("remote.url", scheme+d.Link.Addr+"/link")
	d.startEdge(t, edge)
	return d
}

func (d *deployment) startEdge(t *testing.T, config tree) {
	t.Helper()
	d.edgeConfig = config
	d.Edge = start(t, "edge", config)
	d.URL = "http://" + d.Edge.Addr + "/v1"
}

// largeSays changes what the large model answers from now on.
func (d *deployment) largeSays(text string) { d.large.Store(&text) }

// says answers every call with the same text.
func says(text string) func(fake.Received) fake.Behaviour {
	return func(fake.Received) fake.Behaviour { return fake.Answers(text) }
}

// unless follows script until text is set.
func unless(text *atomic.Pointer[string], script func(fake.Received) fake.Behaviour) func(fake.Received) fake.Behaviour {
	return func(r fake.Received) fake.Behaviour {
		if text := text.Load(); text != nil {
			return fake.Answers(*text)
		}
		return script(r)
	}
}

// metric sums the samples of an edge's metric whose labels contain want, -1 where
// there are none.
func (d *deployment) metric(t *testing.T, name, want string) float64 {
	t.Helper()
	return metricAt(t, d.Edge.Admin, name, want)
}

// metricAt is metric at an admin listener.
func metricAt(t *testing.T, admin, name, want string) float64 {
	t.Helper()
	resp, err := http.Get(admin + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("metrics: %s, %v", resp.Status, err)
	}
	sum, found := 0.0, false
	for _, m := range regexp.MustCompile(`(?m)^`+name+`(?:\{([^}]*)\})? (\S+)$`).FindAllStringSubmatch(string(text), -1) {
		if !strings.Contains(m[1], want) {
			continue
		}
		v, err := strconv.ParseFloat(m[2], 64)
		if err != nil {
			t.Fatalf("metric %s: %v", m[0], err)
		}
		sum, found = sum+v, true
	}
	if !found {
		return -1
	}
	return sum
}

// localSays changes what the local model answers from now on.
func (d *deployment) localSays(text string) { d.local.Store(&text) }

// left asks for the budget that is left, with a request that costs nothing.
func (d *deployment) left(t *testing.T) tenbit.Bits {
	t.Helper()
	a := d.post(t, fresh(open, false), "x-tenbit-max-bits", "0")
	if a.Status != http.StatusOK || a.Meter.Bits != 0 {
		t.Fatalf("a request without bits: got %d, %v bits: %.300s", a.Status, a.Meter.Bits, a.Body)
	}
	return a.Meter.Left
}

// discreet sees that the logs hold no secret and nothing that was asked or said.
func (d *deployment) discreet(t *testing.T, secrets ...string) {
	t.Helper()
	for role, p := range map[string]*process{"edge": d.Edge, "origin": d.Origin} {
		if p == nil {
			continue
		}
		log := p.log.String()
		for _, s := range append(secrets, "harbour", "It is dark", "sk-large") {
			if strings.Contains(log, s) {
				t.Errorf("the %s's log holds %.8q...:\n%s", role, s, log)
			}
		}
	}
}
