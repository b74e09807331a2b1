// Package config reads gatewayd's configuration: defaults first, then the YAML
// file, then TENBIT_* of the environment, then every problem at once.
package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"time"

	"go.yaml.in/yaml/v3"
)

// Edge configures `gatewayd edge`.
type Edge struct {
	Listen     string     `yaml:"listen"`  // the OpenAI API's address
	Admin      Admin      `yaml:"admin"`   // health, readiness, metrics
	TLS        TLS        `yaml:"tls"`     // files are read again when they change; empty: plain HTTP
	CORS       []string   `yaml:"cors"`    // origins of web pages that may ask; none: no page may
	Log        string     `yaml:"log"`     // debug, info, warn, error
	Models     []string   `yaml:"models"`  // names under which clients may ask
	Auth       Auth       `yaml:"auth"`    // keys rest as HMACs under auth.secret
	Tenants    []Tenant   `yaml:"tenants"` // who may ask, and who pays
	Groups     []Group    `yaml:"groups"`  // budgets that several tenants share
	Global     Shared     `yaml:"global"`  // the budget that all share
	Local      Model      `yaml:"local"`   // the small model
	Embeddings Embeddings `yaml:"embeddings"`
	Remote     Remote     `yaml:"remote"` // the far side
	Policy     Policy     `yaml:"policy"` // drafts, gate, modes
	Cache      Cache      `yaml:"cache"`  // exact cache
	Responses  Responses  `yaml:"responses"`
	Ledger     Ledger     `yaml:"ledger"` // budgets
	Limits     Limits     `yaml:"limits"` // what one client may ask of the process
}

// Origin configures `gatewayd origin`.
type Origin struct {
	Listen string `yaml:"listen"` // the link's address
	Admin  Admin  `yaml:"admin"`
	Log    string `yaml:"log"`
	TLS    TLS    `yaml:"tls"`
	Auth   Auth   `yaml:"auth"`   // tokens rest as HMACs under auth.secret
	Edges  []Peer `yaml:"edges"`  // who may connect: keys are link tokens, the budget is the egress cap
	Global Shared `yaml:"global"` // the cap over all edges
	Large  Model  `yaml:"large"`  // the large model
	Twin   Twin   `yaml:"twin"`   // the edges' small model
	Ledger Ledger `yaml:"ledger"`
	// Histories: for so many tenants of each edge the codec learns from what
	// crosses, in memory, up to 6 MiB each; 0: off.
	Histories int `yaml:"histories"`
}

// Admin is the listener for operators; loopback unless told otherwise.
type Admin struct {
	Listen string `yaml:"listen"`
}

// Auth holds the secret under which keys are hashed.
type Auth struct {
	Secret Secret `yaml:"secret"` // at least 16 bytes; TENBIT_AUTH_SECRET
}

// TLS names PEM files; empty: no TLS.
type TLS struct {
	Cert     string `yaml:"cert"`
	Key      string `yaml:"key"`
	ClientCA string `yaml:"client_ca"` // mTLS: who signs the edges' certificates
}

// Tenant is who asks, with its keys and its budget.
type Tenant struct {
	ID         string   `yaml:"id"`
	Group      string   `yaml:"group"` // whose budget it shares; empty: none
	Keys       []Key    `yaml:"keys"`
	Budget     Budget   `yaml:"budget"`
	Lossy      bool     `yaml:"lossy"` // the shortest complete answer may stand for the whole one
	Limits     Pace     `yaml:"limits"`
	Confidence *float64 `yaml:"confidence"` // null: policy.confidence
	Semantic   bool     `yaml:"semantic"`   // takes part in the semantic cache
}

// Peer is an edge that may connect, with its token and its egress cap.
type Peer struct {
	ID     string  `yaml:"id"`
	Keys   []Key   `yaml:"keys"` // its token; none with a certificate
	Budget Budget  `yaml:"budget"`
	Shares []Share `yaml:"shares"` // the edge's tenants; id "*" is all others together
}

// Share is a part of an edge's budget for one of its tenants.
type Share struct {
	ID      string   `yaml:"id"`
	Windows []Window `yaml:"windows"`
}

// Group is a budget that several tenants share.
type Group struct {
	ID      string   `yaml:"id"`
	Windows []Window `yaml:"windows"`
}

// Shared is a budget that all share; without windows there is no limit.
type Shared struct {
	Windows []Window `yaml:"windows"`
}

// Key is an API key at rest. A text alone is its hash.
type Key struct {
	Hash     string `yaml:"hash"`    // as `gatewayd key new` prints
	Prefix   string `yaml:"prefix"`  // the key's first characters, shown to operators
	Expires  string `yaml:"expires"` // RFC 3339; empty: never
	Disabled bool   `yaml:"disabled"`
}

// UnmarshalYAML also takes the hash alone.
func (k *Key) UnmarshalYAML(n *yaml.Node) error {
	if n.Kind == yaml.ScalarNode {
		return n.Decode(&k.Hash)
	}
	for i := 0; i < len(n.Content); i += 2 { // a node's Decode doesn't refuse unknown keys
		if !slices.Contains([]string{"hash", "prefix", "expires", "disabled"}, n.Content[i].Value) {
			return fmt.Errorf("line %d: field %s not found in a key", n.Line, n.Content[i].Value)
		}
	}
	type plain Key
	return n.Decode((*plain)(k))
}

// Budget is a tenant's ceiling.
type Budget struct {
	Windows    []Window `yaml:"windows"`
	PerRequest float64  `yaml:"per_request"` // bits
	OnEmpty    string   `yaml:"on_empty"`    // local or reject
}

// Window is what may be spent in a span of time; 0 is no limit.
type Window struct {
	Bits        float64       `yaml:"bits"`
	Escalations int64         `yaml:"escalations"` // asks of the far side
	UpBytes     int64         `yaml:"up_bytes"`
	Money       float64       `yaml:"money"` // at worst, in the currency of remote.price
	Per         time.Duration `yaml:"per"`
}

// Pace bounds what a tenant asks, whatever that costs; 0 is no limit.
type Pace struct {
	Requests int           `yaml:"requests"` // in each span of per
	Per      time.Duration `yaml:"per"`
	Active   int           `yaml:"active"` // at the same time
}

// Tariff is what the large model costs, in any currency.
type Tariff struct {
	Input     float64 `yaml:"input"`      // for a million tokens
	Output    float64 `yaml:"output"`     // for a million tokens
	MaxOutput int     `yaml:"max_output"` // most tokens of an answer whose request sets no limit
}

// Millionths is an amount of money as budgets count it.
func Millionths(money float64) int64 { return int64(math.Round(money * 1e6)) }

// Model says which model to ask.
type Model struct {
	Kind            string        `yaml:"kind"`  // ollama, openai (any compatible server) or embedded; the local one also auto
	URL             string        `yaml:"url"`   // ollama: http://host:port; openai: up to /v1
	Model           string        `yaml:"model"` // its name there; embedded: small, large or a .gguf file; auto: may be empty
	Key             Secret        `yaml:"key"`   // openai: bearer token
	Threads         int           `yaml:"threads"`
	Context         int           `yaml:"context"` // tokens; 0: the server decides
	Timeout         time.Duration `yaml:"timeout"`
	LegacyMaxTokens bool          `yaml:"legacy_max_tokens"` // openai: the server knows max_tokens only
}

// Twin is the edges' small model at the origin: what it makes need not travel.
// All but threads and parallel must be as at the edge.
type Twin struct {
	Kind        string  `yaml:"kind"`  // none or embedded
	Model       string  `yaml:"model"` // small, large or a .gguf file
	Threads     int     `yaml:"threads"`
	Samples     int     `yaml:"samples"`
	Parallel    int     `yaml:"parallel"`
	Temperature float64 `yaml:"temperature"`
}

// Remote is the far side.
type Remote struct {
	Kind    string        `yaml:"kind"`  // origin, api or none
	URL     string        `yaml:"url"`   // origin: ws:// or wss://
	Token   Secret        `yaml:"token"` // origin: this edge's token
	CA      string        `yaml:"ca"`    // PEM file with the origin's signer; empty: the system's roots
	Cert    string        `yaml:"cert"`  // mTLS
	CertKey string        `yaml:"cert_key"`
	API     Model         `yaml:"api"` // api: the large model
	Price   Tariff        `yaml:"price"`
	Timeout time.Duration `yaml:"timeout"`
	// Histories: for so many tenants the codec learns from what crosses; 0: off.
	Histories int `yaml:"histories"`
	// Twin: what an embedded local model makes stays at home where the origin runs it, too.
	Twin bool `yaml:"twin"`
}

// Policy steers drafts and escalation.
type Policy struct {
	Samples     int      `yaml:"samples"`     // of a closed question
	Parallel    int      `yaml:"parallel"`    // samples in flight
	Temperature float64  `yaml:"temperature"` // of samples after the first
	EarlyStop   string   `yaml:"early_stop"`  // never, sure or decided
	Confidence  float64  `yaml:"confidence"`  // from which a draft is good enough
	Modes       []string `yaml:"modes"`
	Drafts      string   `yaml:"drafts"`     // which of open questions go up: auto, always or never
	Rounds      int      `yaml:"rounds"`     // of yes/no questions for one request, each a call of the large model
	Expand      bool     `yaml:"expand"`     // the local model writes out brief answers
	LocalDown   string   `yaml:"local_down"` // reject or remote

	Calibration Calibration `yaml:"calibration"` // votes to confidence
	Price       Price       `yaml:"price"`       // what bits must bring
}

// Calibration is how votes and log-probabilities become confidence, as
// `gatewayd eval -fit` writes it; all zero: as shipped.
type Calibration struct {
	Bias       float64 `yaml:"bias"`
	Share      float64 `yaml:"share"`
	Candidates float64 `yaml:"candidates"`
	Certain    float64 `yaml:"certain"`
	LogProb    float64 `yaml:"logprob"`
}

// Price is what bits must bring.
type Price struct {
	Bits     float64 `yaml:"bits"`     // what one more right answer is worth; 0: whatever it takes
	Large    float64 `yaml:"large"`    // how likely the large model is right
	Scarcity float64 `yaml:"scarcity"` // how fast that falls as the windows empty; 0: not at all
}

// Cache configures the exact cache.
type Cache struct {
	Bytes       int64         `yaml:"bytes"`        // of memory, everything included; 0: no cache
	TenantBytes int64         `yaml:"tenant_bytes"` // most of it for one tenant; 0: all
	TTL         time.Duration `yaml:"ttl"`
	Jitter      float64       `yaml:"jitter"`    // share by which an entry's life may be shorter, of responses, too
	Version     string        `yaml:"version"`   // another one: all answers are forgotten
	Keys        Secret        `yaml:"keys"`      // that encrypt what rests in Redis: 64 hex digits each, the first writes
	KeysFile    string        `yaml:"keys_file"` // the same in a file
	Redis       Redis         `yaml:"redis"`     // behind the memory; no address: none

	Semantic Semantic `yaml:"semantic"`
}

// Responses says how long /v1/responses can be gone on with; behind the memory
// stands the cache's Redis.
type Responses struct {
	Bytes int64         `yaml:"bytes"` // of memory, everything included; 0: none are kept
	TTL   time.Duration `yaml:"ttl"`
}

// Redis names a server.
type Redis struct {
	Addr     string `yaml:"addr"` // host:port, or a cluster's redis://host:port?addr=host:port
	Username string `yaml:"username"`
	Password Secret `yaml:"password"`
	DB       int    `yaml:"db"`
	TLS      bool   `yaml:"tls"`
	CA       string `yaml:"ca"`   // PEM file with the server's signer; empty: the system's roots
	Cert     string `yaml:"cert"` // PEM files, for a server that wants a client's certificate
	CertKey  string `yaml:"cert_key"`
	// Timeout is the most that a request waits for the server.
	Timeout time.Duration `yaml:"timeout"`
}

// Ledger says where budgets are kept.
type Ledger struct {
	Kind  string `yaml:"kind"` // memory, bolt or redis
	Path  string `yaml:"path"` // bolt
	Redis Redis  `yaml:"redis"`
	// Replicas of Redis that must acknowledge a reservation before anything is
	// asked.
	Replicas int `yaml:"replicas"`
	// Hold is how long a reservation waits for its settlement before it is charged
	// in full, and for how long nothing is reserved on a Redis that lost entries.
	Hold time.Duration `yaml:"hold"`
	// Journal is how long movements are kept one by one; older ones are summed up.
	Journal time.Duration `yaml:"journal"`
}

// Embeddings says which model of the local server makes vectors.
type Embeddings struct {
	Model string `yaml:"model"` // empty: the local model itself
}

// Limits bounds what clients may ask.
type Limits struct {
	Body       int64         `yaml:"body"`        // bytes of a request, also after decompression
	Active     int           `yaml:"active"`      // requests at the same time
	HeaderTime time.Duration `yaml:"header_time"` // in which a request's headers must arrive
	BodyTime   time.Duration `yaml:"body_time"`   // in which its body must arrive
	Stall      time.Duration `yaml:"stall"`       // that a client may take to read what was written
}

// Defaults of both roles.
const (
	redisTimeout = 50 * time.Millisecond
	hold         = 15 * time.Minute
	journal      = 90 * 24 * time.Hour
)

// DefaultEdge is what an empty file means.
func DefaultEdge() Edge {
	return Edge{
		Listen: "127.0.0.1:8484", Admin: Admin{"127.0.0.1:8485"}, Log: "info", Models: []string{"tenbit"},
		Local:  Model{Kind: "auto", URL: "http://127.0.0.1:11434", Timeout: 5 * time.Minute},
		Remote: Remote{Kind: "none", Timeout: 5 * time.Minute, Twin: true, API: Model{Kind: "openai", Timeout: 5 * time.Minute}},
		Policy: Policy{
			Samples: 5, Parallel: 2, Temperature: 0.8, EarlyStop: "sure", Confidence: 0.85, LocalDown: "reject", Drafts: "auto", Rounds: 1,
			Modes: []string{"accept", "select", "answer", "ask", "hint", "brief", "full", "plain"},
			Price: Price{Bits: 100000, Large: 1, Scarcity: 1},
		},
		Cache:     Cache{Bytes: 64 << 20, TTL: 24 * time.Hour, Jitter: 0.1, Redis: Redis{Timeout: redisTimeout}, Semantic: defaultSemantic},
		Responses: Responses{Bytes: 32 << 20, TTL: 24 * time.Hour},
		Ledger:    Ledger{Kind: "bolt", Path: "edge.ledger", Hold: hold, Journal: journal, Redis: Redis{Timeout: redisTimeout}},
		Limits:    Limits{Body: 8 << 20, Active: 256, HeaderTime: 10 * time.Second, BodyTime: time.Minute, Stall: 30 * time.Second},
	}
}

// DefaultOrigin is what an empty file means.
func DefaultOrigin() Origin {
	return Origin{
		Listen: "127.0.0.1:8486", Admin: Admin{"127.0.0.1:8487"}, Log: "info",
		Large:  Model{Kind: "openai", Timeout: 5 * time.Minute},
		Twin:   Twin{Kind: "none", Model: "small", Samples: 5, Parallel: 2, Temperature: 0.8},
		Ledger: Ledger{Kind: "bolt", Path: "origin.ledger", Hold: hold, Journal: journal, Redis: Redis{Timeout: redisTimeout}},
	}
}

// maxFile bounds a configuration file, in bytes.
const maxFile = 1 << 20

// Load reads path over the defaults in c, then the environment.
func Load(path string, c any, environ []string) error {
	b, err := read(path)
	if err != nil {
		return err
	}
	dec := yaml.NewDecoder(bytes.NewReader(b))
	dec.KnownFields(true)
	if err := dec.Decode(c); err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("%s: %w", path, err)
	}
	return override(c, environ)
}

// IsOrigin tells an origin's file from an edge's by the keys that only one has.
func IsOrigin(path string) (bool, error) {
	b, err := read(path)
	if err != nil {
		return false, err
	}
	var keys map[string]any
	if err := yaml.Unmarshal(b, &keys); err != nil {
		return false, fmt.Errorf("%s: %w", path, err)
	}
	_, large := keys["large"]
	_, edges := keys["edges"]
	return large || edges, nil
}

func read(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read the configuration: %w", err)
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, fmt.Errorf("read the configuration: %w", err)
	}
	if len(b) > maxFile {
		return nil, fmt.Errorf("%s: over %d bytes", path, maxFile)
	}
	return b, nil
}
