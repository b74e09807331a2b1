package gateway

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"tenbit"
)

// errSent marks an error that the client has been told in its stream.
var errSent = errors.New("told in the stream")

// stream serves a flight as server-sent events. It opens the stream with the
// first text, or after a while of silence, so that errors before that are
// plain JSON with their status.
func (g *Gateway) stream(w http.ResponseWriter, r *http.Request, c *call, f *flight, first bool, d delivery) error {
	s := &events{w: w, ctl: http.NewResponseController(w), c: c, usage: d.Options.IncludeUsage}
	silence := time.NewTimer(g.Patience)
	defer silence.Stop()
	for {
		text, done, changed := f.next(s.sent)
		if text != "" {
			if !s.open {
				g.Metrics.FirstToken(time.Since(c.start))
			}
			if err := s.text(text); err != nil {
				return s.fail(err)
			}
			continue
		}
		if done {
			return g.close(r.Context(), s, f, first)
		}
		silence.Reset(g.quiet(s.open))
		select {
		case <-changed:
		case <-silence.C:
			if err := s.ping(); err != nil {
				return s.fail(err)
			}
		case <-r.Context().Done():
			return s.fail(context.Cause(r.Context()))
		}
	}
}

func (g *Gateway) quiet(open bool) time.Duration {
	if open {
		return g.PingEvery
	}
	return g.Patience
}

// close ends a stream: the rest of the text, tool calls, the finish reason,
// usage where asked for, the closing comment and [DONE]; after an error the
// error and no [DONE].
func (g *Gateway) close(ctx context.Context, s *events, f *flight, first bool) error {
	a, err := f.wait(ctx)
	s.c.answer = own(a, first)
	report := g.report(ctx, s.c)
	if err != nil {
		if !s.open {
			report.set(s.w.Header(), "")
			return err
		}
		_ = s.write(append(report.comment(), fmt.Appendf(nil, "data: %s\n\n", publish(err).body())...))
		return s.fail(err)
	}
	if !s.open {
		report.set(s.w.Header(), "") // nothing has left: the headers can say it too
	}
	if len(a.Message.Content) > s.sent {
		if err := s.text(a.Message.Content[s.sent:]); err != nil {
			return s.fail(err)
		}
	}
	if err := s.end(a, report); err != nil {
		return s.fail(err)
	}
	return nil
}

// events writes one client's stream.
type events struct {
	w     http.ResponseWriter
	ctl   *http.ResponseController
	c     *call
	usage bool

	open bool
	sent int // bytes of text
}

type chunk struct {
	ID      string        `json:"id"`
	Object  string        `json:"object"`
	Created int64         `json:"created"`
	Model   string        `json:"model"`
	Choices []chunkChoice `json:"choices"`
	Usage   *usage        `json:"usage,omitempty"`
}

type chunkChoice struct {
	Index    int            `json:"index"`
	Delta    delta          `json:"delta"`
	LogProbs *struct{}      `json:"logprobs"`
	Finish   *tenbit.Finish `json:"finish_reason"`
}

type delta struct {
	Role      string          `json:"role,omitempty"`
	Content   *string         `json:"content,omitempty"`
	Refusal   string          `json:"refusal,omitempty"`
	ToolCalls json.RawMessage `json:"tool_calls,omitempty"`
}

// start opens the stream with the role.
func (s *events) start() error {
	if s.open {
		return nil
	}
	s.open = true
	h := s.w.Header()
	h.Set("Content-Type", "text/event-stream; charset=utf-8")
	h.Set("Cache-Control", "no-cache")
	h.Set("X-Accel-Buffering", "no")
	empty := ""
	return s.choice(delta{Role: "assistant", Content: &empty}, nil)
}

func (s *events) text(t string) error {
	if err := s.start(); err != nil {
		return err
	}
	s.sent += len(t)
	t = strings.ToValidUTF8(t, "\uFFFD")
	return s.choice(delta{Content: &t}, nil)
}

func (s *events) ping() error {
	if err := s.start(); err != nil {
		return err
	}
	return s.write([]byte(": ping\n\n"))
}

func (s *events) end(a tenbit.Answer, report fields) error {
	if err := s.start(); err != nil {
		return err
	}
	if calls := numbered(a.Message.ToolCalls); calls != nil || a.Message.Refusal != "" {
		if err := s.choice(delta{ToolCalls: calls, Refusal: a.Message.Refusal}, nil); err != nil {
			return err
		}
	}
	if err := s.choice(delta{}, &a.Finish); err != nil {
		return err
	}
	if s.usage {
		u := usageOf(a.Usage)
		if err := s.chunk(chunk{Choices: []chunkChoice{}, Usage: &u}); err != nil {
			return err
		}
	}
	report.set(s.w.Header(), http.TrailerPrefix)
	return s.write(append(report.comment(), "data: [DONE]\n\n"...))
}

// numbered gives each tool call its index, as deltas need.
func numbered(calls json.RawMessage) json.RawMessage {
	var list []map[string]json.RawMessage
	if json.Unmarshal(calls, &list) != nil || len(list) == 0 {
		return nil
	}
	for i := range list {
		list[i]["index"] = fmt.Appendf(nil, "%d", i)
	}
	out, _ := json.Marshal(list) // was read from JSON: cannot fail
	return out
}

func (s *events) choice(d delta, finish *tenbit.Finish) error {
	return s.chunk(chunk{Choices: []chunkChoice{{Delta: d, Finish: finish}}})
}

// chunk writes one event in one write.
func (s *events) chunk(c chunk) error {
	c.ID, c.Object, c.Created, c.Model = "chatcmpl-"+s.c.id, "chat.completion.chunk", s.c.start.Unix(), s.c.model
	b, err := json.Marshal(c)
	if err != nil {
		return fmt.Errorf("write a chunk: %w", err)
	}
	return s.write(fmt.Appendf(nil, "data: %s\n\n", b))
}

func (s *events) write(b []byte) error {
	if _, err := s.w.Write(b); err != nil {
		return fmt.Errorf("write to the client: %w", err)
	}
	return s.ctl.Flush()
}

// fail marks err as told where the stream is open: its status has left.
func (s *events) fail(err error) error {
	if s.open {
		return errors.Join(errSent, err)
	}
	return err
}
