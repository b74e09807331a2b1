package test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// openAI is the real OpenAI client, in a Node.js process of its own.
type openAI struct {
	orders  io.Writer
	reports *bufio.Reader
}

// order is one call that the OpenAI client makes; client/client.cjs says what
// the fields are.
type order struct {
	Base    string            `json:"base"`
	Key     string            `json:"key"`
	Headers map[string]string `json:"headers,omitempty"`
	Body    map[string]any    `json:"body,omitempty"`
	Models  bool              `json:"models,omitempty"`
	Abort   int               `json:"abort,omitempty"`
}

// report is what the OpenAI client made of it.
type report struct {
	Status     int
	Headers    map[string]string
	Completion *completion
	Chunks     []completion
	Raw        string
	Models     []struct{ ID string }
	Error      *struct {
		Name, Message, Code, Type, Param string
		Status                           int
	}
}

// completion is a completion or a chunk of one.
type completion struct {
	ID, Object, Model string
	Choices           []struct {
		Message, Delta message
		FinishReason   string `json:"finish_reason"`
	}
	Usage *struct {
		Prompt     int `json:"prompt_tokens"`
		Completion int `json:"completion_tokens"`
	}
}

type message struct {
	Role      string
	Content   string
	ToolCalls json.RawMessage `json:"tool_calls"`
}

// nodeModules finds the npm clients and Node.js, and skips the test where one is
// missing.
func nodeModules(t *testing.T) (modules, node string) {
	t.Helper()
	path, err := exec.Command("client/install.sh", "-n").Output()
	modules = strings.TrimSpace(string(path))
	if err == nil {
		_, err = os.Stat(modules)
	}
	node, lookErr := exec.LookPath("node")
	if err != nil || lookErr != nil {
		missing(t, "node", "node.js is not there or test/client/install.sh has not run")
	}
	return modules, node
}

// newOpenAI starts the client, and skips the test where Node.js or the package
// is missing.
func newOpenAI(t *testing.T) *openAI {
	t.Helper()
	modules, node := nodeModules(t)
	cmd := exec.Command(node, "client/client.cjs")
	cmd.Env = append(os.Environ(), "NODE_PATH="+modules)
	cmd.Stderr = os.Stderr
	orders, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	reports, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatalf("start node: %v", err)
	}
	t.Cleanup(func() {
		orders.Close()
		if err := cmd.Wait(); err != nil {
			t.Errorf("node: %v", err)
		}
	})
	return &openAI{orders, bufio.NewReader(reports)}
}

// do carries out one order.
func (c *openAI) do(t *testing.T, o order) report {
	t.Helper()
	line, err := json.Marshal(o)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.orders.Write(append(line, '\n')); err != nil {
		t.Fatalf("order: %v", err)
	}
	line, err = c.reports.ReadBytes('\n')
	if err != nil {
		t.Fatalf("report: %v", err)
	}
	var r report
	if err := json.NewDecoder(bytes.NewReader(line)).Decode(&r); err != nil {
		t.Fatalf("report %.200s: %v", line, err)
	}
	return r
}

// text is the whole content, of a plain answer or a streamed one.
func (r report) text() string {
	if r.Completion != nil {
		return r.Completion.Choices[0].Message.Content
	}
	var b strings.Builder
	for _, c := range r.Chunks {
		if len(c.Choices) > 0 {
			b.WriteString(c.Choices[0].Delta.Content)
		}
	}
	return b.String()
}

// toolCalls are the tool calls of a plain answer, or the deltas of a streamed one.
func (r report) toolCalls() string {
	if r.Completion != nil {
		return string(r.Completion.Choices[0].Message.ToolCalls)
	}
	for _, c := range r.Chunks {
		if len(c.Choices) > 0 && c.Choices[0].Delta.ToolCalls != nil {
			return string(c.Choices[0].Delta.ToolCalls)
		}
	}
	return ""
}

// sameJSON compares but for the order of keys and the index that deltas have.
func sameJSON(t *testing.T, got, want string) bool {
	t.Helper()
	var g, w []map[string]any
	if err := json.Unmarshal([]byte(want), &w); err != nil {
		t.Fatal(err)
	}
	if json.Unmarshal([]byte(got), &g) != nil {
		return false
	}
	for _, call := range g {
		delete(call, "index")
	}
	return cmp.Equal(g, w)
}
