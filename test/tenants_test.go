package test

import (
	"encoding/json"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"tenbit"
	"tenbit/internal/redistest"
)

// audited is what `gatewayd tenant audit -json` prints.
type audited struct {
	Agrees   bool
	Accounts []struct {
		Account              string
		Spent, Held, Expired struct {
			Bits        string
			Escalations int64
			UpBytes     int64 `json:"up_bytes"`
			Money       float64
		}
	}
	Open     map[string]any
	Problems []string
}

func audit(t *testing.T, admin string) audited {
	t.Helper()
	out, errs, code := once(t, "", "tenant", "audit", "-json", "-admin", strings.TrimPrefix(admin, "http://"))
	var a audited
	if err := json.Unmarshal([]byte(out), &a); err != nil || code != 0 || !a.Agrees {
		t.Fatalf("audit: exit %d, %v, %s\n%s", code, err, errs, out)
	}
	return a
}

// of is what an account has spent, and holds.
func (a audited) of(t *testing.T, account string) (spent, held tenbit.Bits) {
	t.Helper()
	for _, x := range a.Accounts {
		if x.Account == account {
			s, err1 := tenbit.ParseBits(x.Spent.Bits)
			h, err2 := tenbit.ParseBits(x.Held.Bits)
			if err1 != nil || err2 != nil {
				t.Fatalf("%+v: %v, %v", x, err1, err2)
			}
			return s, h
		}
	}
	return 0, 0
}

// TestOperators: keys and tenants change at once, on every edge that shares the
// records, and the CLI says what is.
func TestOperators(t *testing.T) {
	addr := redistest.Start(t)
	d := deploy(t, says("It is dark."), says(story), func(edge, _ tree) {
		edge.set("ledger.kind", "redis")
		edge.set("ledger.redis.addr", addr)
		edge.set("ledger.redis.timeout", "1s") // a busy machine is not this test's subject
	})
	firstURL, firstAdmin := d.URL, strings.TrimPrefix(d.Edge.Admin, "http://")
	config := d.edgeConfig
	d.startEdge(t, config)
	secondURL := d.URL
	cli := func(args ...string) string {
		t.Helper()
		out, errs, code := once(t, "", append(args, "-admin", firstAdmin)...)
		if code != 0 {
			t.Fatalf("gatewayd %v: exit %d: %s", args, code, errs)
		}
		return out
	}
	status := func(url, key string) int {
		d.URL, d.Key = url, key
		return d.post(t, fresh(open, false), "x-tenbit-max-bits", "0").Status
	}
	old := d.Key
	made := cli("key", "new", "-tenant", "ship", "-name", "galley", "-expires", "24h")
	key := regexp.MustCompile(`key:  (tb-\S+)`).FindStringSubmatch(made)[1]
	for _, url := range []string{firstURL, secondURL} {
		d.eventually(t, "the new key", func() bool { return status(url, key) == http.StatusOK })
	}
	if list := cli("key", "list", "-tenant", "ship"); !strings.Contains(list, key[:9]) || strings.Contains(list, key) || !strings.Contains(list, "galley") {
		t.Errorf("key list:\n%s\nwant the prefix and the name, and not the key", list)
	}
	cli("key", "revoke", key[:9])
	if got := status(firstURL, key); got != http.StatusUnauthorized {
		t.Errorf("a revoked key: got %d, want 401 at once", got)
	}
	d.eventually(t, "the revocation elsewhere", func() bool { return status(secondURL, key) == http.StatusUnauthorized })
	cli("tenant", "set", "ship", "-window", "bits=500,per=24h", "-per-request", "100", "-on-empty", "reject", "-active", "7")
	for _, want := range []string{"500.000", "reject", "at most 7"} {
		if show := cli("tenant", "show", "ship"); !strings.Contains(show, want) {
			t.Errorf("tenant show has no %q:\n%s", want, show)
		}
	}
	d.URL, d.Key = secondURL, old
	d.eventually(t, "the new budget elsewhere", func() bool { return d.left(t) <= 500*tenbit.Bit })
	cli("tenant", "set", "ship", "-disable")
	d.eventually(t, "the tenant's end elsewhere", func() bool { return status(secondURL, old) == http.StatusUnauthorized })
	cli("tenant", "set", "ship", "-enable")
	cli("tenant", "set", "boat", "-window", "bits=10,per=1h")
	if list := cli("tenant", "list"); !strings.Contains(list, "boat") || !strings.Contains(list, "ship") {
		t.Errorf("tenant list:\n%s", list)
	}
	d.eventually(t, "the tenant's return", func() bool { return status(firstURL, old) == http.StatusOK })
}

// TestEverythingAddsUp: headers, metrics, balances and journals of edge and
// origin agree to the millibit; and so do, to the byte, the headers' bytes up, the
// journal's, the metrics and the link's own counter, which is what a proxy on the
// link has seen.
func TestEverythingAddsUp(t *testing.T) {
	d := deploy(t, says("It is dark."), says(story), func(edge, origin tree) {
		bolt(t, edge)
		bolt(t, origin)
	})
	var sum tenbit.Bits
	var up, down int64
	for range 20 {
		m := d.post(t, fresh(open, false)).Meter
		sum, up, down = sum+m.Bits, up+m.WireUp, down+m.WireDown
	}
	near := audit(t, d.Edge.Admin)
	spent, held := near.of(t, "t:ship")
	far, farHeld := audit(t, d.Origin.Admin).of(t, "t:edge-1")
	metric, farMetric := tenbit.Bits(d.metric(t, "tenbit_settled_millibits_total", "ship")), tenbit.Bits(metricAt(t, d.Origin.Admin, "tenbit_settled_millibits_total", ""))
	t.Logf("20 answers: headers %v, edge's journal %v, edge's metrics %v, origin's journal %v and metrics %v", sum, spent, metric, far, farMetric)
	if sum == 0 || spent != sum || metric != sum || far != sum || farMetric != sum || held != 0 || farHeld != 0 {
		t.Errorf("they disagree; %v and %v are held", held, farHeld)
	}
	journal := near.Accounts[0].Spent.UpBytes
	proxyUp, proxyDown := d.Link.Bytes()
	counted := func(dir string) (requests, link int64) {
		return int64(d.metric(t, "tenbit_request_wire_bytes_total", `direction="`+dir+`"`)), int64(d.metric(t, "tenbit_wire_bytes_total", `connection="remote",direction="`+dir+`"`))
	}
	requestsUp, linkUp := counted("up")
	requestsDown, linkDown := counted("down")
	t.Logf("bytes up: headers %d, journal %d, metrics %d, the link's counter %d, the proxy %d; down: %d, %d, %d, %d", up, journal, requestsUp, linkUp, proxyUp, down, requestsDown, linkDown, proxyDown)
	if up == 0 || journal != up || requestsUp != up || linkUp != up || proxyUp != up || requestsDown != down || linkDown != down || proxyDown != down {
		t.Error("the bytes disagree")
	}
}
