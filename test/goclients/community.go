package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"

	"github.com/sashabaranov/go-openai"
)

func connect(e edge, h *counting) *openai.Client {
	cfg := openai.DefaultConfig(e.key)
	cfg.BaseURL, cfg.HTTPClient = e.base, h.client()
	return openai.NewClientWithConfig(cfg)
}

func chatOf(text string) openai.ChatCompletionRequest {
	return openai.ChatCompletionRequest{Model: "tenbit", Messages: []openai.ChatCompletionMessage{{Role: "user", Content: text}}}
}

// drain reads a stream to its end; each is told of each bit of text.
func drain(ctx context.Context, c *openai.Client, r openai.ChatCompletionRequest, each func()) (string, error) {
	s, err := c.CreateChatCompletionStream(ctx, r)
	if err != nil {
		return "", err
	}
	defer s.Close()
	var b strings.Builder
	for {
		ch, err := s.Recv()
		if errors.Is(err, io.EOF) {
			return b.String(), nil
		}
		if err != nil {
			return b.String(), err
		}
		if len(ch.Choices) > 0 && ch.Choices[0].Delta.Content != "" {
			b.WriteString(ch.Choices[0].Delta.Content)
			each()
		}
	}
}

func nothing() {}

// refused is an error where err is not the API's with that status and code.
func refused(err error, status int, code string) error {
	var e *openai.APIError
	if !errors.As(err, &e) || e.HTTPStatusCode != status || code != "" && e.Code != code {
		return fmt.Errorf("got %v, want %d %s", err, status, code)
	}
	return nil
}

// community are the checks of go-openai.
var community = []check{
	{"chat", func(ctx context.Context, e edges, h *counting) error {
		r, err := connect(e.good, h).CreateChatCompletion(ctx, chatOf("hello"))
		if err != nil {
			return err
		}
		return errors.Join(equal("content", r.Choices[0].Message.Content, "Hello, sailor."), equal("usage", r.Usage.TotalTokens > 0, true))
	}},
	{"stream", func(ctx context.Context, e edges, h *counting) error {
		got, err := drain(ctx, connect(e.good, h), chatOf("count"), nothing)
		return errors.Join(err, equal("text", strings.HasSuffix(got, "99 100"), true))
	}},
	{"abort", func(ctx context.Context, e edges, h *counting) error {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		_, err := drain(ctx, connect(e.good, h), chatOf(slow()), cancel)
		return equal("cancelled", errors.Is(err, context.Canceled), true)
	}},
	{"abandoned stream", func(_ context.Context, e edges, h *counting) error {
		s, err := connect(e.good, h).CreateChatCompletionStream(context.Background(), chatOf(slow()))
		if err != nil {
			return err
		}
		_, err = s.Recv()
		return err // the stream ends with the process
	}},
	{"a reader that stalls", func(ctx context.Context, e edges, h *counting) error {
		got, err := drain(ctx, connect(e.good, h), chatOf("much"), sync.OnceFunc(pause))
		return errors.Join(err, equal("bytes", len(got), long))
	}},
	{"limits", func(ctx context.Context, e edges, h *counting) error {
		p := chatOf("count")
		p.MaxTokens = 5
		r, err := connect(e.good, h).CreateChatCompletion(ctx, p)
		if err != nil {
			return err
		}
		return equal("finish reason", string(r.Choices[0].FinishReason), "length")
	}},
	{"tools", func(ctx context.Context, e edges, h *counting) error {
		c, p := connect(e.good, h), chatOf("wind in Brest?")
		p.Tools = []openai.Tool{{Type: openai.ToolTypeFunction, Function: &openai.FunctionDefinition{Name: "wind", Parameters: wind, Strict: true}}}
		r, err := c.CreateChatCompletion(ctx, p)
		if err != nil {
			return err
		}
		if n := len(r.Choices[0].Message.ToolCalls); n != 1 {
			return fmt.Errorf("got %d tool calls, want 1", n)
		}
		call := r.Choices[0].Message.ToolCalls[0]
		p.Messages = append(p.Messages, r.Choices[0].Message, openai.ChatCompletionMessage{Role: "tool", Content: "NW 5", ToolCallID: call.ID})
		second, err := c.CreateChatCompletion(ctx, p)
		if err != nil {
			return err
		}
		return errors.Join(equal("arguments", call.Function.Arguments, `{"port":"Brest"}`), equal("answer", second.Choices[0].Message.Content, "The wind is NW 5."))
	}},
	{"JSON schema", func(ctx context.Context, e edges, h *counting) error {
		raw, err := json.Marshal(person)
		if err != nil {
			return err
		}
		p := chatOf("who?")
		p.ResponseFormat = &openai.ChatCompletionResponseFormat{
			Type:       openai.ChatCompletionResponseFormatTypeJSONSchema,
			JSONSchema: &openai.ChatCompletionResponseFormatJSONSchema{Name: "person", Schema: json.RawMessage(raw), Strict: true},
		}
		r, err := connect(e.good, h).CreateChatCompletion(ctx, p)
		if err != nil {
			return err
		}
		return equal("content", r.Choices[0].Message.Content, `{"name":"Ada","age":36}`)
	}},
	{"n and stop", func(ctx context.Context, e edges, h *counting) error {
		p := chatOf("count")
		p.N, p.Stop = 3, []string{" 7"}
		r, err := connect(e.good, h).CreateChatCompletion(ctx, p)
		if err != nil {
			return err
		}
		return errors.Join(equal("choices", len(r.Choices), 3), equal("text", r.Choices[2].Message.Content, "1 2 3 4 5 6"))
	}},
	{"logprobs", func(ctx context.Context, e edges, h *counting) error {
		p := chatOf("hello")
		p.LogProbs, p.TopLogProbs = true, 2
		r, err := connect(e.good, h).CreateChatCompletion(ctx, p)
		if err != nil {
			return err
		}
		return equal("tokens", r.Choices[0].LogProbs != nil && len(r.Choices[0].LogProbs.Content) == 2, true)
	}},
	{"embeddings", func(ctx context.Context, e edges, h *counting) error {
		for _, format := range []openai.EmbeddingEncodingFormat{openai.EmbeddingEncodingFormatFloat, openai.EmbeddingEncodingFormatBase64} {
			r, err := connect(e.good, h).CreateEmbeddings(ctx, openai.EmbeddingRequest{Model: "tenbit", Input: []string{"one", "three"}, EncodingFormat: format})
			if err != nil {
				return err
			}
			if err := equal("vector", fmt.Sprint(r.Data[1].Embedding), "[5 1 2 3]"); err != nil {
				return err
			}
		}
		return nil
	}},
	{"completions", func(ctx context.Context, e edges, h *counting) error {
		r, err := connect(e.good, h).CreateCompletion(ctx, openai.CompletionRequest{Model: "tenbit", Prompt: "hello"})
		if err != nil {
			return err
		}
		return equal("text", r.Choices[0].Text, "Hello, sailor.")
	}},
	{"models", func(ctx context.Context, e edges, h *counting) error {
		list, err := connect(e.good, h).ListModels(ctx)
		if err != nil {
			return err
		}
		m, err := connect(e.good, h).GetModel(ctx, "tenbit")
		return errors.Join(err, equal("models", len(list.Models), 1), equal("model", m.ID, "tenbit"))
	}},
	{"errors, no retry storm", func(ctx context.Context, e edges, h *counting) error {
		try := func(at edge, model string, temperature float32) error {
			p := chatOf("hello")
			p.Model, p.Temperature = model, temperature
			_, err := connect(at, h).CreateChatCompletion(ctx, p)
			return err
		}
		return errors.Join(
			refused(try(e.good, "tenbit", 9), 400, ""),
			refused(try(e.good, "gpt-9", 1), 404, "model_not_found"),
			refused(try(edge{e.good.base, "tb-wrong"}, "tenbit", 1), 401, "invalid_api_key"),
			refused(try(e.quota, "tenbit", 1), 429, "insufficient_quota"),
			refused(try(e.down, "tenbit", 1), 502, "model_unavailable"),
			equal("requests", h.n.Load(), 5),
		)
	}},
	{"all kinds of errors", func(ctx context.Context, e edges, h *counting) error {
		try := func(at edge, text string, h *counting) error {
			_, err := connect(at, h).CreateChatCompletion(ctx, chatOf(text))
			return err
		}
		return errors.Join(
			refused(try(e.good, "hello", &counting{kind: "text/plain"}), 415, "unsupported_media_type"),
			refused(try(e.good, tooLong, h), 413, "request_too_large"),
			refused(try(e.broken, "hello", h), 500, "internal_error"),
			refused(try(e.busy, "hello", h), 503, "overloaded"),
			equal("requests", h.n.Load(), 3),
		)
	}},
	{"a stream that breaks", func(ctx context.Context, e edges, h *counting) error {
		got, err := drain(ctx, connect(e.good, h), chatOf("break"), nothing)
		return errors.Join(equal("an error", err != nil && strings.Contains(err.Error(), "ended early"), true), equal("some text", got != "", true))
	}},
	{"100 streams", func(ctx context.Context, e edges, h *counting) error {
		c := connect(e.good, h)
		return hundred(func(i int) error {
			want := fmt.Sprint("echo ", i)
			got, err := drain(ctx, c, chatOf(want), nothing)
			return errors.Join(err, equal("text", got, want))
		})
	}},
}
