package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"
	"github.com/openai/openai-go/v3/responses"
	"github.com/openai/openai-go/v3/shared"
)

func dial(e edge, h *counting) *openai.Client {
	c := openai.NewClient(option.WithBaseURL(e.base), option.WithAPIKey(e.key), option.WithHTTPClient(h.client()))
	return &c
}

func asks(text string) openai.ChatCompletionNewParams {
	return openai.ChatCompletionNewParams{Model: "tenbit", Messages: []openai.ChatCompletionMessageParamUnion{openai.UserMessage(text)}}
}

// text reads a stream to its end.
func text(ctx context.Context, c *openai.Client, p openai.ChatCompletionNewParams) (string, error) {
	s := c.Chat.Completions.NewStreaming(ctx, p)
	defer s.Close()
	var b strings.Builder
	for s.Next() {
		if ch := s.Current().Choices; len(ch) > 0 {
			b.WriteString(ch[0].Delta.Content)
		}
	}
	return b.String(), s.Err()
}

// failed is an error where err is not the API's with that status and code.
func failed(err error, status int, code string) error {
	var e *openai.Error
	if !errors.As(err, &e) || e.StatusCode != status || code != "" && e.Code != code {
		return fmt.Errorf("got %v, want %d %s", err, status, code)
	}
	return nil
}

// official are the checks of openai-go.
var official = []check{
	{"chat", func(ctx context.Context, e edges, h *counting) error {
		r, err := dial(e.good, h).Chat.Completions.New(ctx, asks("hello"))
		if err != nil {
			return err
		}
		return errors.Join(equal("content", r.Choices[0].Message.Content, "Hello, sailor."), equal("usage", r.Usage.TotalTokens > 0, true))
	}},
	{"stream", func(ctx context.Context, e edges, h *counting) error {
		got, err := text(ctx, dial(e.good, h), asks("count"))
		return errors.Join(err, equal("text", strings.HasSuffix(got, "99 100"), true))
	}},
	{"abort", func(ctx context.Context, e edges, h *counting) error {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		s := dial(e.good, h).Chat.Completions.NewStreaming(ctx, asks(slow()))
		defer s.Close()
		for s.Next() {
			if ch := s.Current().Choices; len(ch) > 0 && ch[0].Delta.Content != "" {
				cancel()
			}
		}
		return equal("cancelled", errors.Is(s.Err(), context.Canceled), true)
	}},
	{"abandoned stream", func(_ context.Context, e edges, h *counting) error {
		s := dial(e.good, h).Chat.Completions.NewStreaming(context.Background(), asks(slow()))
		return errors.Join(equal("a chunk", s.Next(), true), s.Err()) // it ends with the process
	}},
	{"a reader that stalls", func(ctx context.Context, e edges, h *counting) error {
		s := dial(e.good, h).Chat.Completions.NewStreaming(ctx, asks("much"))
		defer s.Close()
		n := 0
		for s.Next() {
			if n == 0 {
				pause()
			}
			if ch := s.Current().Choices; len(ch) > 0 {
				n += len(ch[0].Delta.Content)
			}
		}
		return errors.Join(s.Err(), equal("bytes", n, long))
	}},
	{"limits", func(ctx context.Context, e edges, h *counting) error {
		p := asks("count")
		p.MaxCompletionTokens = openai.Int(5)
		r, err := dial(e.good, h).Chat.Completions.New(ctx, p)
		if err != nil {
			return err
		}
		return equal("finish reason", r.Choices[0].FinishReason, "length")
	}},
	{"tools", func(ctx context.Context, e edges, h *counting) error {
		c, p := dial(e.good, h), asks("wind in Brest?")
		p.Tools = []openai.ChatCompletionToolUnionParam{openai.ChatCompletionFunctionTool(shared.FunctionDefinitionParam{Name: "wind", Parameters: wind, Strict: openai.Bool(true)})}
		r, err := c.Chat.Completions.New(ctx, p)
		if err != nil {
			return err
		}
		if n := len(r.Choices[0].Message.ToolCalls); n != 1 {
			return fmt.Errorf("got %d tool calls, want 1", n)
		}
		call := r.Choices[0].Message.ToolCalls[0]
		p.Messages = append(p.Messages, r.Choices[0].Message.ToParam(), openai.ToolMessage("NW 5", call.ID))
		second, err := c.Chat.Completions.New(ctx, p)
		if err != nil {
			return err
		}
		return errors.Join(equal("arguments", call.Function.Arguments, `{"port":"Brest"}`), equal("answer", second.Choices[0].Message.Content, "The wind is NW 5."))
	}},
	{"JSON schema", func(ctx context.Context, e edges, h *counting) error {
		p := asks("who?")
		p.ResponseFormat = openai.ChatCompletionNewParamsResponseFormatUnion{OfJSONSchema: &shared.ResponseFormatJSONSchemaParam{
			JSONSchema: shared.ResponseFormatJSONSchemaJSONSchemaParam{Name: "person", Schema: person, Strict: openai.Bool(true)},
		}}
		r, err := dial(e.good, h).Chat.Completions.New(ctx, p)
		if err != nil {
			return err
		}
		return equal("content", r.Choices[0].Message.Content, `{"name":"Ada","age":36}`)
	}},
	{"n and stop", func(ctx context.Context, e edges, h *counting) error {
		p := asks("count")
		p.N, p.Stop = openai.Int(3), openai.ChatCompletionNewParamsStopUnion{OfStringArray: []string{" 7"}}
		r, err := dial(e.good, h).Chat.Completions.New(ctx, p)
		if err != nil {
			return err
		}
		return errors.Join(equal("choices", len(r.Choices), 3), equal("text", r.Choices[2].Message.Content, "1 2 3 4 5 6"))
	}},
	{"logprobs", func(ctx context.Context, e edges, h *counting) error {
		p := asks("hello")
		p.Logprobs, p.TopLogprobs = openai.Bool(true), openai.Int(2)
		r, err := dial(e.good, h).Chat.Completions.New(ctx, p)
		if err != nil {
			return err
		}
		return equal("tokens", len(r.Choices[0].Logprobs.Content), 2)
	}},
	{"embeddings", func(ctx context.Context, e edges, h *counting) error {
		r, err := dial(e.good, h).Embeddings.New(ctx, openai.EmbeddingNewParams{Model: "tenbit", Input: openai.EmbeddingNewParamsInputUnion{OfArrayOfStrings: []string{"one", "three"}}})
		if err != nil {
			return err
		}
		return equal("vector", fmt.Sprint(r.Data[1].Embedding), "[5 1 2 3]")
	}},
	{"responses", func(ctx context.Context, e edges, h *counting) error {
		c := dial(e.good, h)
		say := func(text, previous string) (*responses.Response, error) {
			p := responses.ResponseNewParams{Model: "tenbit", Input: responses.ResponseNewParamsInputUnion{OfString: openai.String(text)}}
			if previous != "" {
				p.PreviousResponseID = openai.String(previous)
			}
			return c.Responses.New(ctx, p)
		}
		one, err := say("hello", "")
		if err != nil {
			return err
		}
		two, err := say("again", one.ID)
		if err != nil {
			return err
		}
		again, err := c.Responses.Get(ctx, one.ID, responses.ResponseGetParams{})
		if err != nil {
			return err
		}
		err = errors.Join(equal("one", one.OutputText(), "Hello, sailor."), equal("two", two.OutputText(), "You said hello."), equal("again", again.OutputText(), one.OutputText()))
		if err == nil {
			err = c.Responses.Delete(ctx, one.ID)
		}
		if err != nil {
			return err
		}
		_, err = c.Responses.Get(ctx, one.ID, responses.ResponseGetParams{})
		return failed(err, 404, "")
	}},
	{"responses, streamed", func(ctx context.Context, e edges, h *counting) error {
		s := dial(e.good, h).Responses.NewStreaming(ctx, responses.ResponseNewParams{Model: "tenbit", Input: responses.ResponseNewParamsInputUnion{OfString: openai.String("count")}})
		defer s.Close()
		var said, last string
		for s.Next() {
			ev := s.Current()
			if last = ev.Type; ev.Type == "response.output_text.delta" {
				said += ev.Delta
			}
		}
		return errors.Join(s.Err(), equal("last event", last, "response.completed"), equal("text", strings.HasSuffix(said, "99 100"), true))
	}},
	{"errors, no retry storm", func(ctx context.Context, e edges, h *counting) error {
		try := func(at edge, model string, temperature float64) error {
			p := asks("hello")
			p.Model, p.Temperature = model, openai.Float(temperature)
			_, err := dial(at, h).Chat.Completions.New(ctx, p)
			return err
		}
		err := errors.Join(
			failed(try(e.good, "tenbit", 9), 400, ""),
			failed(try(e.good, "gpt-9", 1), 404, "model_not_found"),
			failed(try(edge{e.good.base, "tb-wrong"}, "tenbit", 1), 401, "invalid_api_key"),
			equal("requests that were bad", h.n.Load(), 3),
			failed(try(e.quota, "tenbit", 1), 429, "insufficient_quota"),
			equal("requests with one over budget", h.n.Load(), 4),
			failed(try(e.down, "tenbit", 1), 502, "model_unavailable"),
		)
		return errors.Join(err, equal("few requests", h.n.Load() <= 7, true))
	}},
	{"all kinds of errors", func(ctx context.Context, e edges, h *counting) error {
		c := dial(e.good, h)
		_, typed := c.Chat.Completions.New(ctx, asks("hello"), option.WithHeader("Content-Type", "text/plain"))
		_, large := c.Chat.Completions.New(ctx, asks(tooLong))
		_, broken := dial(e.broken, h).Chat.Completions.New(ctx, asks("hello"))
		err := errors.Join(
			failed(c.Get(ctx, "chat/completions", nil, nil), 405, "method_not_allowed"),
			failed(c.Get(ctx, "chats", nil, nil), 404, "unknown_url"),
			failed(typed, 415, "unsupported_media_type"),
			failed(large, 413, "request_too_large"),
			failed(broken, 500, "internal_error"),
			equal("requests", h.n.Load(), 5),
		)
		_, busy := dial(e.busy, h).Chat.Completions.New(ctx, asks("hello"), option.WithMaxRetries(1))
		return errors.Join(err, failed(busy, 503, "overloaded"), equal("requests with those to the busy one", h.n.Load(), 7))
	}},
	{"a stream that breaks", func(ctx context.Context, e edges, h *counting) error {
		got, err := text(ctx, dial(e.good, h), asks("break"))
		return errors.Join(equal("an error", err != nil && strings.Contains(err.Error(), "ended early"), true), equal("some text", got != "", true))
	}},
	{"100 streams", func(ctx context.Context, e edges, h *counting) error {
		c := dial(e.good, h)
		return hundred(func(i int) error {
			want := fmt.Sprint("echo ", i)
			got, err := text(ctx, c, asks(want))
			return errors.Join(err, equal("text", got, want))
		})
	}},
}
