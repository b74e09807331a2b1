package test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tenbit"
	"tenbit/gateway"
	"tenbit/internal/fake"
	"tenbit/internal/telemetry"
	"tenbit/policy"
)

// scripted is the model that the client matrix talks to: what it says follows
// from the last thing it was told.
func scripted(r fake.Received) fake.Behaviour {
	if strings.HasSuffix(r.Path, "/embeddings") {
		return vectors(r)
	}
	var body struct {
		Messages []struct {
			Role    string
			Content any
		}
		Tools    []any
		Format   *struct{ Type string } `json:"response_format"`
		LogProbs bool
	}
	if json.Unmarshal(r.Body, &body) != nil || len(body.Messages) == 0 {
		return fake.Refuses(400, "invalid_request_error", "", "what?")
	}
	last := body.Messages[len(body.Messages)-1]
	said := textOf(last.Content)
	switch {
	case last.Role == "tool":
		return fake.Answers("The wind is " + said + ".")
	case strings.HasPrefix(said, "Call one of these functions now"):
		return fake.Answers(`{"name":"wind","arguments":{"port":"Brest"}}`)
	case len(body.Tools) > 0 && strings.HasPrefix(said, "wind"):
		return calling("wind", `{"port":"Brest"}`)
	case len(body.Tools) > 0 && strings.HasPrefix(said, "who"):
		return calling("person", `{"name":"Ada","age":36}`)
	case body.Format != nil && body.Format.Type != "text":
		return fake.Answers(`{"name":"Ada","age":36}`)
	case strings.HasPrefix(said, "count"):
		return fake.Answers(numbers(100))
	case strings.HasPrefix(said, "slow"):
		return stalled(numbers(100))
	case strings.HasPrefix(said, "much"):
		return fake.Huge(6 << 20)
	case strings.HasPrefix(said, "break"):
		return fake.Behaviour{Content: numbers(100), CutAfter: 20}
	case strings.HasPrefix(said, "again"):
		return fake.Answers("You said " + textOf(body.Messages[len(body.Messages)-3].Content) + ".")
	case strings.HasPrefix(said, "echo"):
		return fake.Answers(said)
	}
	b := fake.Answers("Hello, sailor.")
	if body.LogProbs {
		b.LogProbs = []float64{-0.5, -1}
	}
	return b
}

func textOf(content any) string {
	if s, ok := content.(string); ok {
		return s
	}
	parts, _ := content.([]any)
	var text string
	for _, p := range parts {
		part, _ := p.(map[string]any)
		s, _ := part["text"].(string)
		text += s
	}
	return text
}

func calling(name, args string) fake.Behaviour {
	return fake.Behaviour{ToolCalls: json.RawMessage(fmt.Sprintf(`[{"id":"call_w","type":"function","function":{"name":%q,"arguments":%q}}]`, name, args)), Finish: "tool_calls", Prompt: 9, Tokens: 9}
}

func numbers(n int) string {
	var all []string
	for i := range n {
		all = append(all, fmt.Sprint(i+1))
	}
	return strings.Join(all, " ")
}

// vectors gives texts vectors that begin with their length.
func vectors(r fake.Received) fake.Behaviour {
	var texts []string
	r.Field("input", &texts)
	var data []string
	for i, s := range texts {
		data = append(data, fmt.Sprintf(`{"object":"embedding","index":%d,"embedding":[%d,1,2,3]}`, i, len(s)))
	}
	return fake.Behaviour{Raw: []byte(`{"object":"list","model":"x","data":[` + strings.Join(data, ",") + `],"usage":{"prompt_tokens":3,"total_tokens":3}}`)}
}

// edges are what the matrix needs: deployments, and a gateway with a defect.
type edges struct {
	good, quota, down, busy *deployment
	broken                  string
}

func deployMatrix(t *testing.T) edges {
	t.Helper()
	local := func(edge, _ tree) {
		edge.set("remote.kind", "none")
		edge.set("limits.active", 200)
		edge.set("limits.body", 1<<20)
	}
	e := edges{
		good: deploy(t, scripted, says(""), local),
		quota: deploy(t, says("It is dark."), says(story), func(edge, _ tree) {
			setWindow(edge, 1, 1)
			edge["tenants"].([]tree)[0].set("budget.per_request", 1000)
			edge["tenants"].([]tree)[0].set("budget.on_empty", "reject")
		}),
		down: deploy(t, func(fake.Received) fake.Behaviour { return fake.Refuses(500, "server_error", "", "oops") }, says(""), local),
		busy: deploy(t, func(fake.Received) fake.Behaviour { return stalled(numbers(100)) }, says(""), func(edge, _ tree) {
			edge.set("remote.kind", "none")
			edge.set("limits.active", 1)
			edge.set("local.timeout", "1h") // the place stays taken to the end
		}),
		broken: defective(t),
	}
	resp, err := e.busy.send(t.Context(), http.MethodPost, "/chat/completions", chat(open, "stream", true))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { resp.Body.Close() })
	return e
}

// brokenKey opens the gateway with a defect.
const brokenKey = "tb-broken"

// defective is the base URL of a gateway that panics on each request, in this
// process: the program has no such defect that a test could use.
func defective(t *testing.T) string {
	t.Helper()
	keys := gateway.Keys{Secret: []byte(keySecret)}
	keys.Entries = []gateway.KeyEntry{{Hash: gateway.SumKey(keys.Secret, brokenKey), Tenant: tenbit.Tenant{ID: "t"}}}
	g, err := gateway.New(&gateway.Gateway{
		Models: []string{"tenbit"}, Keys: keys, Drafter: policy.Drafter{Local: fake.NewModel(func(fake.Call) fake.Reply { panic("a defect") })},
		Metrics: telemetry.New(1), Log: slog.New(slog.DiscardHandler), MaxBody: 1 << 20, MaxActive: 8,
		Patience: time.Minute, PingEvery: time.Minute, BodyTime: time.Minute, Stall: time.Minute, SettleTime: time.Second,
	})
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewServer(g.Handler())
	t.Cleanup(s.Close)
	return s.URL + "/v1"
}

func (e edges) env() []string {
	return append(os.Environ(), "TENBIT_BASE="+e.good.URL, "TENBIT_QUOTA="+e.quota.URL, "TENBIT_DOWN="+e.down.URL, "TENBIT_BUSY="+e.busy.URL, "TENBIT_BROKEN="+e.broken,
		"TENBIT_KEYS="+strings.Join([]string{e.good.Key, e.quota.Key, e.down.Key, e.busy.Key, brokenKey}, " "))
}

// TestNodeClients runs the npm clients through everything they can do.
func TestNodeClients(t *testing.T) {
	modules, node := nodeModules(t)
	dir := t.TempDir()
	if err := os.Symlink(modules, filepath.Join(dir, "node_modules")); err != nil {
		t.Fatal(err)
	}
	scripts, err := filepath.Glob("client/*.mjs")
	if err != nil || len(scripts) < 4 {
		t.Fatalf("scripts: %v, %v", scripts, err)
	}
	for _, s := range scripts {
		b, err := os.ReadFile(s)
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, filepath.Base(s)), b, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	runMatrix(t, exec.Command(node, filepath.Join(dir, "matrix.mjs")), 4)
}

// runMatrix runs a program that checks clients, and reports what it says. The
// clients that leave in mid-stream, or end with streams that they don't read, have
// to be noticed.
func runMatrix(t *testing.T, cmd *exec.Cmd, clients int) {
	t.Helper()
	e := deployMatrix(t)
	cmd.Env, cmd.Stderr = append(cmd.Environ(), e.env()...), os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	seen, aborts := map[string]int{}, 0
	for lines := bufio.NewScanner(out); lines.Scan(); {
		var r struct{ Client, Check, Error string }
		if json.Unmarshal(lines.Bytes(), &r) != nil {
			continue // what a client prints by itself
		}
		seen[r.Client]++
		if strings.HasPrefix(r.Check, "abort") || strings.HasPrefix(r.Check, "abandon") {
			aborts++
		}
		t.Run(r.Client+"/"+r.Check, func(t *testing.T) {
			if r.Error != "" {
				t.Error(r.Error)
			}
		})
	}
	if err := cmd.Wait(); err != nil || len(seen) != clients {
		t.Errorf("got %v and reports of %v, want %d clients", err, seen, clients)
	}
	t.Logf("checks: %v", seen)
	for range aborts {
		await(t, "the model being left", e.good.Local.Left())
	}
}

// TestGoClients runs the Go clients, which are in a module of their own.
func TestGoClients(t *testing.T) {
	run := func(args ...string) ([]byte, error) {
		cmd := exec.Command("go", args...)
		cmd.Dir, cmd.Env = "goclients", append(os.Environ(), "GOPROXY=off", "GOWORK=off", "GOFLAGS=-mod=readonly")
		return cmd.CombinedOutput()
	}
	if _, err := run("list", "-deps", "."); err != nil {
		missing(t, "goclients", "the Go clients are not there: run go mod download in test/goclients")
	}
	program := filepath.Join(t.TempDir(), "goclients")
	if out, err := run("build", "-o", program, "."); err != nil {
		t.Fatalf("build the Go clients: %v\n%s", err, out)
	}
	runMatrix(t, exec.Command(program), 2)
}
