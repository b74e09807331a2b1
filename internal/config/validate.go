package config

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"
	"time"

	"tenbit"
)

// exampleSecret stands in configs/, where everybody can read it.
const exampleSecret = "example secret: good on loopback only"

// problems collects what is wrong, with key paths.
type problems []error

func (p *problems) add(key, format string, args ...any) {
	*p = append(*p, fmt.Errorf("%s: %s", key, fmt.Sprintf(format, args...)))
}

func (p *problems) oneOf(key, got string, want ...string) {
	if slices.Contains(want, got) {
		return
	}
	text := strings.Join(want, ", ")
	if want[0] == "" {
		text = strings.Join(want[1:], ", ") + ", or empty"
	}
	p.add(key, "%q is not one of %s", got, text)
}

func (p *problems) address(key, addr string) {
	if addr == "" {
		p.add(key, "must be set")
	} else if _, port, err := net.SplitHostPort(addr); err != nil {
		p.add(key, "%q is not host:port", addr)
	} else if _, err := net.LookupPort("tcp", port); err != nil {
		p.add(key, "%q: want a port from 0 to 65535", addr)
	}
}

// listeners checks both addresses, of which one may not take the other's.
func (p *problems) listeners(listen, admin string) {
	p.address("listen", listen)
	p.address("admin.listen", admin)
	host, port, err := net.SplitHostPort(listen)
	adminHost, adminPort, adminErr := net.SplitHostPort(admin)
	if err != nil || adminErr != nil || port != adminPort || port == "" || port == "0" {
		return
	}
	if host == adminHost || everyHost(host) || everyHost(adminHost) {
		p.add("admin.listen", "%q is taken by listen", admin)
	}
}

func everyHost(host string) bool {
	ip := net.ParseIP(host)
	return host == "" || ip != nil && ip.IsUnspecified()
}

func (p *problems) url(key, s string, schemes ...string) {
	u, err := url.Parse(s)
	if s == "" {
		p.add(key, "must be set")
	} else if err != nil || u.Host == "" || !slices.Contains(schemes, u.Scheme) {
		p.add(key, "want %s://host", strings.Join(schemes, ":// or "))
	}
}

// Validate returns all problems with their key paths.
func (c *Edge) Validate() error {
	var p problems
	p.listeners(c.Listen, c.Admin.Listen)
	p.oneOf("log", c.Log, "debug", "info", "warn", "error")
	if len(c.Models) == 0 || slices.Contains(c.Models, "") {
		p.add("models", "must name at least one model, none of them empty")
	}
	p.auth(c.Auth, c.Listen)
	p.tenants(c)
	p.windows("global", c.Global.Windows)
	p.tariff(c)
	p.model("local", c.Local, "auto")
	p.remote(c.Remote)
	p.policy(c.Policy)
	p.cache(c.Cache, c.Responses)
	p.semantic(c)
	p.ledger(c.Ledger)
	if c.Limits.Body < 1<<10 || c.Limits.Body > 64<<20 {
		p.add("limits.body", "%d is not between 1024 and %d bytes", c.Limits.Body, 64<<20)
	}
	if c.Limits.Active < 1 {
		p.add("limits.active", "%d is not positive", c.Limits.Active)
	}
	for key, d := range map[string]time.Duration{"header_time": c.Limits.HeaderTime, "body_time": c.Limits.BodyTime, "stall": c.Limits.Stall} {
		if d <= 0 {
			p.add("limits."+key, "must be positive")
		}
	}
	p.tls(c.TLS)
	for i, o := range c.CORS {
		if u, err := url.Parse(o); o != "*" && (err != nil || u.Scheme == "" || u.Host == "" || u.Path != "") {
			p.add(fmt.Sprintf("cors[%d]", i), "want scheme://host as browsers send it, or *")
		}
	}
	return errors.Join(p...)
}

// ValidateModels checks what `gatewayd eval -live` reads: the local model, the
// large one's API, and how drafts are made.
func (c *Edge) ValidateModels() error {
	var p problems
	p.model("local", c.Local, "auto")
	p.model("remote.api", c.Remote.API)
	p.policy(c.Policy)
	return errors.Join(p...)
}

// Validate returns all problems with their key paths.
func (c *Origin) Validate() error {
	var p problems
	p.listeners(c.Listen, c.Admin.Listen)
	p.oneOf("log", c.Log, "debug", "info", "warn", "error")
	p.tls(c.TLS)
	p.auth(c.Auth, c.Listen)
	p.edges(c.Edges)
	p.windows("global", c.Global.Windows)
	p.model("large", c.Large)
	p.oneOf("twin.kind", c.Twin.Kind, "none", "embedded")
	if c.Twin.Kind == "embedded" {
		p.weights("twin.model", c.Twin.Model)
		p.sampling("twin", c.Twin.Samples, c.Twin.Parallel, c.Twin.Temperature)
	}
	p.ledger(c.Ledger)
	p.histories("histories", c.Histories)
	return errors.Join(p...)
}

func (p *problems) tls(c TLS) {
	if (c.Cert == "") != (c.Key == "") {
		p.add("tls", "cert and key go together")
	}
	if c.ClientCA != "" && c.Cert == "" {
		p.add("tls.client_ca", "needs tls.cert")
	}
}

func (p *problems) auth(a Auth, listen string) {
	if len(a.Secret) < 16 {
		p.add("auth.secret", "must have at least 16 bytes (`gatewayd key new` suggests one)")
	}
	host, _, _ := net.SplitHostPort(listen)
	ip := net.ParseIP(host)
	if a.Secret == exampleSecret && host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		p.add("auth.secret", "is the example's, which is public: refused for %q, which is not loopback", listen)
	}
}

// share checks a number from 0 to 1.
func (p *problems) share(key string, v float64) {
	if !(v >= 0 && v <= 1) {
		p.add(key, "%v is not between 0 and 1", v)
	}
}

// model checks a model's settings; where kinds are listed they are allowed too.
func (p *problems) model(key string, m Model, kinds ...string) {
	p.oneOf(key+".kind", m.Kind, append(kinds, "ollama", "openai", "embedded")...)
	switch m.Kind {
	case "embedded":
		p.weights(key+".model", m.Model)
	default:
		p.url(key+".url", m.URL, "http", "https")
		if m.Model == "" && m.Kind != "auto" {
			p.add(key+".model", "must be set")
		}
	}
	if m.Timeout <= 0 {
		p.add(key+".timeout", "must be positive")
	}
	if m.Threads < 0 || m.Context < 0 {
		p.add(key, "threads and context must not be negative")
	}
}

// weights checks the name of an embedded model.
func (p *problems) weights(key, name string) {
	if !strings.HasSuffix(name, ".gguf") {
		p.oneOf(key, name, "small", "large", "FILE.gguf")
	}
}

// maxHistories keeps what histories take under 6 GiB.
const maxHistories = 1000

func (p *problems) histories(key string, n int) {
	if n < 0 || n > maxHistories {
		p.add(key, "%d is not between 0 and %d", n, maxHistories)
	}
}

func (p *problems) remote(r Remote) {
	p.oneOf("remote.kind", r.Kind, "origin", "api", "none")
	if r.Timeout <= 0 {
		p.add("remote.timeout", "must be positive")
	}
	p.histories("remote.histories", r.Histories)
	if (r.Cert == "") != (r.CertKey == "") {
		p.add("remote.cert", "cert and cert_key go together")
	}
	switch r.Kind {
	case "origin":
		p.url("remote.url", r.URL, "ws", "wss")
		if r.Token == "" && r.Cert == "" {
			p.add("remote.token", "must be set")
		}
	case "api":
		p.model("remote.api", r.API)
	}
}

func (p *problems) policy(c Policy) {
	p.sampling("policy", c.Samples, c.Parallel, c.Temperature)
	p.oneOf("policy.drafts", c.Drafts, "auto", "always", "never")
	if c.Rounds < 1 || c.Rounds > 10 {
		p.add("policy.rounds", "%d is not between 1 and 10", c.Rounds)
	}
	p.share("policy.confidence", c.Confidence)
	p.oneOf("policy.early_stop", c.EarlyStop, "never", "sure", "decided")
	p.calibration(c.Calibration)
	if _, err := tenbit.BitsOf(c.Price.Bits); err != nil {
		p.add("policy.price.bits", "%v", err)
	}
	if p.share("policy.price.large", c.Price.Large); c.Price.Large == 0 {
		p.add("policy.price.large", "must be positive")
	}
	if s := c.Price.Scarcity; !(s >= 0 && s <= 16) {
		p.add("policy.price.scarcity", "%v is not between 0 and 16", s)
	}
	for i, m := range c.Modes {
		if _, err := tenbit.ParseMode(m); err != nil {
			p.add(fmt.Sprintf("policy.modes[%d]", i), "%v", err)
		}
	}
	p.oneOf("policy.local_down", c.LocalDown, "reject", "remote")
}

func (p *problems) sampling(key string, samples, parallel int, temperature float64) {
	if samples < 1 || samples > 64 {
		p.add(key+".samples", "%d is not between 1 and 64", samples)
	}
	if parallel < 1 {
		p.add(key+".parallel", "%d is not positive", parallel)
	}
	if !(temperature >= 0 && temperature <= 2) { // nor is it NaN
		p.add(key+".temperature", "%v is not between 0 and 2", temperature)
	}
}

// calibration demands what early stops rely on: confidence rises with votes and
// certainty, and falls with the number of candidates.
func (p *problems) calibration(c Calibration) {
	for _, v := range []float64{c.Bias, c.Share, c.Candidates, c.Certain, c.LogProb} {
		if !(v >= -100 && v <= 100) {
			p.add("policy.calibration", "%v is not between -100 and 100", v)
		}
	}
	if c.Share < 0 || c.LogProb < 0 || c.Candidates > 0 {
		p.add("policy.calibration", "share and logprob must not be negative, candidates not positive")
	}
}

func (p *problems) ledger(l Ledger) {
	p.oneOf("ledger.kind", l.Kind, "memory", "bolt", "redis")
	if l.Kind == "bolt" && l.Path == "" {
		p.add("ledger.path", "must be set")
	}
	if l.Kind == "redis" {
		p.redis("ledger.redis", l.Redis)
	}
	if l.Replicas < 0 {
		p.add("ledger.replicas", "%d is negative", l.Replicas)
	}
	if l.Hold < time.Second {
		p.add("ledger.hold", "must be at least a second")
	}
	if l.Journal < max(time.Hour, 2*l.Hold) {
		p.add("ledger.journal", "must be at least an hour, and twice the hold")
	}
}
