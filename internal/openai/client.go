package openai

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"tenbit/policy"
)

var _ policy.Model = (*Client)(nil)

// DefaultMaxAnswer is the most bytes of one answer where the configuration
// names no limit.
const DefaultMaxAnswer = 8 << 20

// Config says which server to ask, and for what.
type Config struct {
	BaseURL string // up to and including the version, such as https://api.openai.com/v1
	Key     string // sent as a bearer token; "" sends none
	Model   string // replaces the request's; "" leaves it

	// MaxAnswer is the most bytes of an answer: content, refusal and tool
	// calls together. 0 is DefaultMaxAnswer.
	MaxAnswer int
	// LegacyMaxTokens sends max_completion_tokens as max_tokens, for servers
	// that ignore the newer name (Ollama, llama.cpp and others do).
	LegacyMaxTokens bool
	// NoStreamUsage leaves stream_options out, for servers that reject it.
	NoStreamUsage bool

	TLS  *tls.Config                                                       // nil: the system's roots
	Dial func(ctx context.Context, network, addr string) (net.Conn, error) // nil: TCP
}

// LogValue hides the key.
func (c Config) LogValue() slog.Value {
	return slog.GroupValue(slog.String("base_url", c.BaseURL), slog.String("model", c.Model), slog.Bool("key", c.Key != ""))
}

// String hides the key as well.
func (c Config) String() string {
	return fmt.Sprintf("openai %s at %s", c.Model, c.BaseURL)
}

// Client asks one model of one server. It is safe for concurrent use and keeps
// idle connections until Close.
type Client struct {
	cfg      Config
	url      string // of chat completions
	embedURL string
	http     *http.Transport // follows no redirect: it would carry the prompt to a place nobody configured
	wire     *meter
}

// New checks cfg and makes a client; it connects to nothing yet.
func New(cfg Config) (*Client, error) {
	u, err := url.Parse(strings.TrimSuffix(cfg.BaseURL, "/"))
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil || u.RawQuery != "" {
		return nil, errors.New("base_url: want http:// or https://, a host and a path, no user, no query")
	}
	if strings.ContainsAny(cfg.Key, "\r\n\x00") {
		return nil, errors.New("key: has a control character in it")
	}
	if cfg.MaxAnswer < 0 {
		return nil, errors.New("max_answer: is negative")
	}
	if cfg.MaxAnswer == 0 {
		cfg.MaxAnswer = DefaultMaxAnswer
	}
	wire := new(meter)
	return &Client{
		cfg:      cfg,
		url:      u.JoinPath("chat/completions").String(),
		embedURL: u.JoinPath("embeddings").String(),
		wire:     wire,
		http:     transport(cfg, wire),
	}, nil
}

func transport(cfg Config, wire *meter) *http.Transport {
	dial := dialFunc((&net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second}).DialContext)
	if cfg.Dial != nil {
		dial = cfg.Dial
	}
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true) // HTTP/2 mixes requests on a connection: no byte would have an owner
	return &http.Transport{
		DialContext:            counted(dial, wire),
		Protocols:              protocols,
		Proxy:                  http.ProxyFromEnvironment,
		TLSClientConfig:        cfg.TLS.Clone(),
		TLSHandshakeTimeout:    10 * time.Second,
		MaxIdleConnsPerHost:    64,
		IdleConnTimeout:        90 * time.Second,
		MaxResponseHeaderBytes: 64 << 10,
	}
}

// Wire is the number of bytes that all requests so far sent and received, TLS
// included. Completions carry their own share in Cost.
func (c *Client) Wire() (up, down int64) {
	return c.wire.up.Load(), c.wire.down.Load()
}

// Close lets go of idle connections.
func (c *Client) Close() {
	c.http.CloseIdleConnections()
}
