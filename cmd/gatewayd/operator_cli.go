package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"tenbit/internal/config"
)

// console speaks to the admin API of a running edge or origin.
type console struct {
	config, admin string
	json          bool
	stdout        io.Writer
}

func (c *console) flags(name string) *flag.FlagSet {
	fs := flag.NewFlagSet("gatewayd "+name, flag.ContinueOnError)
	fs.StringVar(&c.config, "config", "", "configuration `file`, which names the admin listener")
	fs.StringVar(&c.admin, "admin", "", "`address` of the admin listener, over the configuration's")
	fs.BoolVar(&c.json, "json", false, "print JSON")
	return fs
}

// parseNamed reads flags before and after one name, which is needed where want is true.
func parseNamed(fs *flag.FlagSet, args []string, want bool, stderr io.Writer) (name string, err error) {
	if len(args) > 0 && !strings.HasPrefix(args[0], "-") {
		name, args = args[0], args[1:]
	}
	if err := parse(fs, args, stderr); err != nil {
		return "", err
	}
	rest := fs.Args()
	if name == "" && len(rest) > 0 {
		name, rest = rest[0], rest[1:]
	}
	if len(rest) > 0 || (name != "") != want {
		return "", wrong(fs, "%s", map[bool]string{true: "want one name", false: "there are no arguments"}[want])
	}
	return name, nil
}

// adminPatience bounds one request to the admin API; an audit of a long journal
// takes its time.
const adminPatience = 5 * time.Minute

func (c *console) do(ctx context.Context, method, path string, body, into any) error {
	addr := c.admin
	if addr == "" {
		if c.config == "" {
			return fmt.Errorf("-config or -admin is required: %w", errUsage)
		}
		listen, err := adminListen(c.config)
		if err != nil {
			return err
		}
		addr = listen
	}
	ctx, cancel := context.WithTimeout(ctx, adminPatience)
	defer cancel()
	b, err := json.Marshal(body)
	if err != nil {
		return fmt.Errorf("write the request: %w", err)
	}
	req, err := http.NewRequestWithContext(ctx, method, "http://"+addr+path, bytes.NewReader(b))
	if err != nil {
		return fmt.Errorf("admin %s: %w", addr, err)
	}
	req.Header.Set("X-Tenbit-Admin", "1")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return fmt.Errorf("admin %s: %w", addr, err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return fmt.Errorf("admin %s: %w", addr, err)
	}
	if resp.StatusCode != http.StatusOK {
		var e struct{ Error string }
		_ = json.Unmarshal(text, &e) // else the status alone says it
		return fmt.Errorf("admin %s: %s: %s", addr, resp.Status, e.Error)
	}
	if c.json {
		_, err = c.stdout.Write(text)
		return err
	}
	if err := json.Unmarshal(text, into); err != nil {
		return fmt.Errorf("admin %s: %w", addr, err)
	}
	return nil
}

// adminListen reads admin.listen of an edge's or origin's configuration.
func adminListen(path string) (string, error) {
	origin, err := config.IsOrigin(path)
	if err != nil {
		return "", err
	}
	if origin {
		c := config.DefaultOrigin()
		err = config.Load(path, &c, os.Environ())
		return c.Admin.Listen, err
	}
	c := config.DefaultEdge()
	err = config.Load(path, &c, os.Environ())
	return c.Admin.Listen, err
}

// tenantMain is `gatewayd tenant`.
func tenantMain(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	c := &console{stdout: stdout}
	var err error
	switch verb, rest := first(args); verb {
	case "list":
		err = c.tenants(ctx, rest, stderr)
	case "show", "reset":
		err = c.tenant(ctx, verb, rest, stderr)
	case "set":
		err = c.set(ctx, rest, stderr)
	case "audit":
		err = c.audit(ctx, rest, stderr)
	default:
		err = verbs("tenant", verb, stdout, "list, show, set, reset or audit")
	}
	if err != nil {
		return fail(stderr, err)
	}
	return 0
}

func first(args []string) (string, []string) {
	if len(args) == 0 {
		return "", nil
	}
	return args[0], args[1:]
}

func (c *console) tenants(ctx context.Context, args []string, stderr io.Writer) error {
	if _, err := parseNamed(c.flags("tenant list"), args, false, stderr); err != nil {
		return err
	}
	var out struct{ Tenants []tenantView }
	if err := c.do(ctx, http.MethodGet, "/tenants", nil, &out); err != nil || c.json {
		return err
	}
	printTenants(c.stdout, out.Tenants)
	return nil
}

func (c *console) tenant(ctx context.Context, verb string, args []string, stderr io.Writer) error {
	id, err := parseNamed(c.flags("tenant "+verb), args, true, stderr)
	if err != nil {
		return err
	}
	method, path := http.MethodGet, "/tenants/"+url.PathEscape(id)
	if verb == "reset" {
		method, path = http.MethodPost, path+"/reset"
	}
	var out tenantView
	if err := c.do(ctx, method, path, nil, &out); err != nil || c.json {
		return err
	}
	printTenant(c.stdout, out)
	return nil
}

func (c *console) set(ctx context.Context, args []string, stderr io.Writer) error {
	fs := c.flags("tenant set")
	var ch change
	var enable, disable bool
	fs.Func("window", "one `window`, all of which replace those before: bits=1000000,per=24h; also escalations=, up_bytes=, money=", func(s string) error {
		w, err := parseWindow(s)
		ch.Windows = append(ch.Windows, w)
		return err
	})
	fs.Func("per-request", "most `bits` for one request", func(s string) error {
		n, err := strconv.ParseFloat(s, 64)
		ch.PerRequest = &n
		return err
	})
	number := func(to **int) func(string) error {
		return func(s string) error {
			n, err := strconv.Atoi(s)
			*to = &n
			return err
		}
	}
	text := func(to **string) func(string) error { return func(s string) error { *to = &s; return nil } }
	fs.Func("on-empty", "local or reject", text(&ch.OnEmpty))
	fs.Func("group", "whose budget it shares, \"\" for none", text(&ch.Group))
	fs.Func("requests", "most requests in each span", number(&ch.Requests))
	fs.Func("per", "the `span` of -requests", text(&ch.Per))
	fs.Func("active", "most requests at the same time", number(&ch.Active))
	fs.Func("semantic", "on or off: whether it takes part in the semantic cache", func(s string) error {
		on := s == "on"
		ch.Semantic = &on
		if s != "on" && s != "off" {
			return errors.New("want on or off")
		}
		return nil
	})
	fs.BoolVar(&enable, "enable", false, "its keys open again")
	fs.BoolVar(&disable, "disable", false, "its keys open nothing, at once")
	id, err := parseNamed(fs, args, true, stderr)
	if err != nil {
		return err
	}
	if enable && disable {
		return wrong(fs, "-enable and -disable exclude each other")
	}
	if enable || disable {
		ch.Disabled = &disable
	}
	var out tenantView
	if err := c.do(ctx, http.MethodPost, "/tenants/"+url.PathEscape(id), ch, &out); err != nil || c.json {
		return err
	}
	printTenant(c.stdout, out)
	return nil
}

// parseWindow reads bits=1000,per=24h.
func parseWindow(s string) (w windowChange, err error) {
	for _, part := range strings.Split(s, ",") {
		name, val, _ := strings.Cut(part, "=")
		switch name {
		case "bits":
			w.Bits, err = strconv.ParseFloat(val, 64)
		case "escalations":
			w.Escalations, err = strconv.ParseInt(val, 10, 64)
		case "up_bytes":
			w.UpBytes, err = strconv.ParseInt(val, 10, 64)
		case "money":
			w.Money, err = strconv.ParseFloat(val, 64)
		case "per":
			w.Per = val
		default:
			err = errors.New("want bits, escalations, up_bytes, money and per")
		}
		if err != nil {
			return w, err
		}
	}
	return w, nil
}

// audit prints what the journal sums up to; a disagreement is an error.
func (c *console) audit(ctx context.Context, args []string, stderr io.Writer) error {
	if _, err := parseNamed(c.flags("tenant audit"), args, false, stderr); err != nil {
		return err
	}
	asJSON := c.json
	c.json = false
	var out auditView
	if err := c.do(ctx, http.MethodGet, "/audit", nil, &out); err != nil {
		return err
	}
	if asJSON {
		if err := json.NewEncoder(c.stdout).Encode(out); err != nil {
			return err
		}
	} else {
		printAudit(c.stdout, out)
	}
	if !out.Agrees {
		return fmt.Errorf("journal and balances disagree:\n%s", strings.Join(out.Problems, "\n"))
	}
	return nil
}
