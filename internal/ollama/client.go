package ollama

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/ollama/ollama/api"

	"tenbit"
	"tenbit/policy"
)

var _ policy.Model = (*Client)(nil)

// The limits where the configuration names none.
const (
	DefaultMaxTokens = 4096
	DefaultMaxAnswer = 8 << 20 // bytes
)

// Config says which Ollama to ask, and how the model runs.
type Config struct {
	BaseURL string // such as http://127.0.0.1:11434
	Model   string // replaces the request's; "" leaves it

	MaxTokens int // most tokens of an answer, also where the request asks for more; 0 is DefaultMaxTokens
	MaxAnswer int // most bytes of an answer; 0 is DefaultMaxAnswer

	NumThread int           // threads; 0: Ollama decides
	NumCtx    int           // tokens of context; 0: Ollama decides
	KeepAlive time.Duration // how long the model stays loaded; 0: Ollama decides, negative: for ever
}

// Client asks one model. It is safe for concurrent use and keeps idle
// connections until Close.
type Client struct {
	cfg  Config
	api  *api.Client
	http *http.Client
}

// New checks cfg and makes a client; it connects to nothing yet.
func New(cfg Config) (*Client, error) {
	base, err := parseBase(cfg.BaseURL)
	if err != nil {
		return nil, err
	}
	for name, n := range map[string]int{
		"max_tokens": cfg.MaxTokens, "max_answer": cfg.MaxAnswer, "num_thread": cfg.NumThread, "num_ctx": cfg.NumCtx,
	} {
		if n < 0 {
			return nil, fmt.Errorf("%s: is negative", name)
		}
	}
	if cfg.MaxTokens == 0 {
		cfg.MaxTokens = DefaultMaxTokens
	}
	if cfg.MaxAnswer == 0 {
		cfg.MaxAnswer = DefaultMaxAnswer
	}
	h := httpClient()
	return &Client{cfg: cfg, api: api.NewClient(base, h), http: h}, nil
}

// Close lets go of idle connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// Probe returns the version of the Ollama that answers at baseURL. Errors wrap
// [tenbit.ErrUnavailable].
func Probe(ctx context.Context, baseURL string) (version string, err error) {
	base, err := parseBase(baseURL)
	if err != nil {
		return "", fmt.Errorf("%w: %w", tenbit.ErrUnavailable, err)
	}
	h := httpClient()
	defer h.CloseIdleConnections()
	version, err = api.NewClient(base, h).Version(ctx)
	if err != nil {
		return "", classify(ctx, err, false)
	}
	if version == "" {
		return "", fmt.Errorf("%w: what answers is not Ollama", tenbit.ErrUnavailable)
	}
	return version, nil
}

func parseBase(s string) (*url.URL, error) {
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.RawQuery != "" {
		return nil, errors.New("base_url: want http:// or https:// and a host, no query")
	}
	return u, nil
}

func httpClient() *http.Client {
	return &http.Client{
		Transport: boundedTransport{&http.Transport{
			DialContext:            (&net.Dialer{Timeout: 5 * time.Second}).DialContext,
			MaxIdleConnsPerHost:    16,
			IdleConnTimeout:        90 * time.Second,
			MaxResponseHeaderBytes: 64 << 10,
		}},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// maxBody bounds a response's body, in bytes: the api package reads some bodies
// whole. A token takes some 200 bytes of a stream.
const maxBody = 256 << 20

// boundedTransport cuts response bodies at maxBody.
type boundedTransport struct{ *http.Transport }

func (t boundedTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := t.Transport.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	most := int64(maxBody)
	if resp.StatusCode > 299 {
		most = 64 << 10 // an error's message
	}
	resp.Body = struct {
		io.Reader
		io.Closer
	}{io.LimitReader(resp.Body, most), resp.Body}
	return resp, nil
}
