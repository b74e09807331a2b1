package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"tenbit"
	"tenbit/internal/config"
	"tenbit/internal/freeport"
	"tenbit/internal/ledger"
	"tenbit/internal/redistest"
	"tenbit/internal/register"
)

// Every kind of server keeps a ledger: what an edge does with it works there.
func TestRedisServers(t *testing.T) {
	for _, tt := range []struct {
		name  string
		start func(t *testing.T) config.Redis
	}{
		{"a cluster", func(t *testing.T) config.Redis { return config.Redis{Addr: "redis://" + startCluster(t)} }},
		{"a cluster with TLS and an ACL user", func(t *testing.T) config.Redis {
			cert, key := pemFiles(t)
			at := startCluster(t, append(tlsArgs(cert, key), "--tls-cluster", "yes")...)
			rights(t, tlsClient(t, at, cert, key))
			return config.Redis{Addr: "rediss://" + at, CA: cert, Cert: cert, CertKey: key, Username: "tenbit", Password: "its-password"}
		}},
		{"TLS, with a client's certificate", func(t *testing.T) config.Redis {
			cert, key := pemFiles(t)
			s := redistest.Run(t, tlsArgs(cert, key)...)
			return config.Redis{Addr: s.Addr, TLS: true, CA: cert, Cert: cert, CertKey: key}
		}},
		{"an ACL user with the rights that docs/budgets.md names", func(t *testing.T) config.Redis {
			s := redistest.Run(t)
			c := redis.NewClient(&redis.Options{Addr: s.Addr})
			defer c.Close()
			rights(t, c)
			return config.Redis{Addr: s.Addr, Username: "tenbit", Password: "its-password"}
		}},
		{"a server with append-only file", func(t *testing.T) config.Redis {
			return config.Redis{Addr: redistest.Run(t, "--appendonly", "yes").Addr}
		}},
	} {
		t.Run(tt.name, func(t *testing.T) { exercise(t, tt.start(t)) })
	}
	// Not every system that we are built on has it; .ci/run installs it where there is one.
	if _, err := exec.LookPath("valkey-server"); err == nil || strings.Contains(os.Getenv("TENBIT_REQUIRE"), "valkey") {
		t.Run("Valkey", func(t *testing.T) { exercise(t, config.Redis{Addr: redistest.RunValkey(t).Addr}) })
	}
}

// exercise does all that an edge does with a ledger's server.
func exercise(t *testing.T, c config.Redis) {
	c.Timeout = 10 * time.Second // a busy machine is not this test's subject
	open := func() store {
		l, err := openLedger(config.Ledger{Kind: "redis", Hold: time.Hour, Journal: 24 * time.Hour, Redis: c})
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	l, other := open(), open()
	defer l.Close()
	defer other.Close()
	if err := l.Ready(t.Context()); err != nil {
		t.Fatal(redisState(err), err)
	}
	if _, err := l.(*ledger.Redis).Durable(t.Context()); err != nil {
		t.Error(err)
	}
	ship := tenbit.Tenant{ID: "{ship}", MaxRequest: 100, Windows: []tenbit.Window{{Limit: 250, Per: 10000 * time.Hour}}}
	var holds []tenbit.Hold
	for i, want := range []tenbit.Bits{100, 100, 50, 0} {
		h, err := []store{l, other}[i%2].Reserve(t.Context(), ship, fmt.Sprint(i), tenbit.Amount{100, 1})
		if h.Granted != want || errors.Is(err, tenbit.ErrOverBudget) != (want == 0) {
			t.Fatalf("reservation %d: got %v, %v; want %v", i, h.Granted, err, want)
		}
		holds = append(holds, h)
	}
	for _, h := range holds[:3] {
		if err := other.Settle(t.Context(), h, tenbit.Amount{10, 1}); err != nil {
			t.Error(err)
		}
	}
	if left, _, err := l.Left(t.Context(), ship); left != 220 || err != nil {
		t.Errorf("got %v left, %v; want 0.220", left, err)
	}
	newsReach(t, l, other)
	if err := l.Reset(t.Context(), ledger.AccountOf(ship.ID)); err != nil {
		t.Error(err)
	}
	a, err := ledger.Audit(t.Context(), other)
	if err != nil || len(a.Problems) > 0 || len(a.Accounts) != 1 || a.Accounts[0].Spent.Bits() != 30 {
		t.Errorf("audit: %v, %+v; want 0.030 spent", err, a)
	}
}

// newsReach sees that a change by one reaches who watches by another.
func newsReach(t *testing.T, by, at store) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	news, done := make(chan struct{}, 1), make(chan struct{})
	go func() { // ends with ctx
		defer close(done)
		at.(register.Watcher).Watch(ctx, func() {
			select {
			case news <- struct{}{}:
			default:
			}
		})
	}()
	defer func() { cancel(); <-done }()
	// The subscription may come after the first of them.
	for tick := time.NewTicker(50 * time.Millisecond); ; {
		if err := by.(register.Records).Record(t.Context(), "tenant:ship", []byte("{}")); err != nil {
			t.Fatal(err)
		}
		select {
		case <-news:
			tick.Stop()
			all, err := at.(register.Records).Records(t.Context())
			if string(all["tenant:ship"]) != "{}" {
				t.Errorf("records: got %q, %v", all, err)
			}
			return
		case <-tick.C:
		case <-t.Context().Done():
			t.Fatal("nobody was told")
		}
	}
}

// rights makes the user that docs/budgets.md describes.
func rights(t *testing.T, c redis.UniversalClient) {
	t.Helper()
	page, err := os.ReadFile("../../docs/budgets.md")
	if err != nil {
		t.Fatal(err)
	}
	m := regexp.MustCompile(`(?s)ACL SETUSER tenbit ([^` + "`" + `]*?)\n\n`).FindSubmatch(page)
	if m == nil {
		t.Fatal("docs/budgets.md names no rights")
	}
	args := []any{"ACL", "SETUSER", "tenbit"}
	for _, f := range strings.Fields(strings.ReplaceAll(strings.ReplaceAll(string(m[1]), "\\\n", " "), ">PASSWORD", ">its-password")) {
		args = append(args, f)
	}
	each := func(ctx context.Context, one *redis.Client) error { return one.Do(ctx, args...).Err() }
	if cluster, ok := c.(*redis.ClusterClient); ok {
		err = cluster.ForEachMaster(t.Context(), each)
	} else {
		err = each(t.Context(), c.(*redis.Client))
	}
	if err != nil {
		t.Fatal(err)
	}
}

// startCluster joins two servers, each with half of the slots, and returns the
// address of one.
func startCluster(t *testing.T, args ...string) string {
	t.Helper()
	var at []string
	for range 2 {
		_, port, _ := net.SplitHostPort(freeport.Addr(t))
		at = append(at, redistest.Run(t, append([]string{"--cluster-enabled", "yes", "--cluster-port", port}, args...)...).Addr)
		cli(t, at[len(at)-1], args, "CLUSTER", "ADDSLOTSRANGE", fmt.Sprint((len(at)-1)*8192), fmt.Sprint(len(at)*8192-1))
		if len(at) == 2 {
			_, second, _ := net.SplitHostPort(at[1])
			cli(t, at[0], args, "CLUSTER", "MEET", "127.0.0.1", second, port)
		}
	}
	for _, a := range at {
		for deadline := time.Now().Add(2 * time.Minute); !strings.Contains(cli(t, a, args, "CLUSTER", "INFO"), "cluster_state:ok"); time.Sleep(50 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("no cluster: %s", cli(t, a, args, "CLUSTER", "INFO"))
			}
		}
	}
	return at[1] + "?addr=" + at[0]
}

// cli speaks to one server.
func cli(t *testing.T, addr string, server []string, args ...string) string {
	t.Helper()
	o := &redis.Options{Addr: addr}
	for i, a := range server {
		if a == "--tls-cert-file" {
			var err error
			if o.TLSConfig, err = redisTLS(config.Redis{CA: server[i+1], Cert: server[i+1], CertKey: server[i+3]}); err != nil {
				t.Fatal(err)
			}
		}
	}
	c := redis.NewClient(o)
	defer c.Close()
	var list []any
	for _, a := range args {
		list = append(list, a)
	}
	out, err := c.Do(t.Context(), list...).Text()
	if err != nil {
		t.Fatalf("%v: %v", args, err)
	}
	return out
}

func tlsClient(t *testing.T, at, cert, key string) redis.UniversalClient {
	t.Helper()
	c, err := redisClient(config.Redis{Addr: "rediss://" + at, CA: cert, Cert: cert, CertKey: key, Timeout: 10 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// tlsArgs are a server's that speaks TLS alone and wants a client's certificate.
func tlsArgs(cert, key string) []string {
	return []string{"--tls-port", "", "--tls-cert-file", cert, "--tls-key-file", key, "--tls-ca-cert-file", cert}
}

// pemFiles are a certificate for loopback and its key.
func pemFiles(t *testing.T) (cert, key string) {
	t.Helper()
	files, err := ownCertificate(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return files.Cert, files.Key
}

// A certificate that nobody trusts is a clear state.
func TestRedisOfAnother(t *testing.T) {
	cert, key := pemFiles(t)
	s := redistest.Run(t, tlsArgs(cert, key)...)
	other, _ := pemFiles(t)
	l, err := openLedger(config.Ledger{Kind: "redis", Hold: time.Hour, Journal: 24 * time.Hour, Redis: config.Redis{Addr: s.Addr, TLS: true, CA: other, Timeout: 10 * time.Second}})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	err = l.Ready(t.Context())
	if err == nil || !strings.Contains(redisState(err), "certificate") {
		t.Errorf("got %v, want its certificate refused", err)
	}
}
