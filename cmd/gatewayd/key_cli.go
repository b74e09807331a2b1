package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"text/tabwriter"
	"time"

	"tenbit/gateway"
)

// keyMain is `gatewayd key`.
func keyMain(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	c := &console{stdout: stdout}
	var err error
	switch verb, rest := first(args); verb {
	case "new":
		err = c.newKey(ctx, rest, stderr)
	case "list":
		err = c.keys(ctx, rest, stderr)
	case "revoke":
		err = c.revoke(ctx, rest, stderr)
	default:
		err = verbs("key", verb, stdout, "new, list or revoke")
	}
	if err != nil {
		return fail(stderr, err)
	}
	return 0
}

// newKey makes a key. It is shown once and rests nowhere. For a tenant it is in
// force at once; without one it is for a configuration.
func (c *console) newKey(ctx context.Context, args []string, stderr io.Writer) error {
	fs := c.flags("key new")
	var w wish
	fs.StringVar(&w.Tenant, "tenant", "", "whose key it is, in force at once; without: for a configuration")
	fs.StringVar(&w.Name, "name", "", "what it is for")
	fs.StringVar(&w.Expires, "expires", "", "`duration` after which it opens nothing, such as 720h")
	fs.StringVar(&w.Rotate, "rotate", "", "the `key` that it replaces: prefix or beginning of the hash")
	fs.StringVar(&w.Grace, "grace", "", "`duration` for which the replaced key still opens")
	if _, err := parseNamed(fs, args, false, stderr); err != nil {
		return err
	}
	if w.Tenant == "" && w.Rotate == "" {
		if c.config == "" {
			return wrong(fs, "-config is required")
		}
		return offlineKey(c.config, c.stdout)
	}
	var k keyView
	if err := c.do(ctx, http.MethodPost, "/keys", w, &k); err != nil || c.json {
		return err
	}
	fmt.Fprintf(c.stdout, "key:  %s\nhash: %s\n", k.Key, k.Hash)
	return nil
}

// offlineKey makes a key for a configuration under its secret.
func offlineKey(path string, stdout io.Writer) error {
	secret, err := options{config: path}.secret()
	if err != nil {
		return err
	}
	if len(secret) < 16 {
		return errors.New("auth.secret: must have at least 16 bytes; a good one: " + gateway.NewKey())
	}
	key := gateway.NewKey()
	fmt.Fprintf(stdout, "key:  %s\nhash: %s\n", key, gateway.HashKey(secret, key))
	return nil
}

func (c *console) keys(ctx context.Context, args []string, stderr io.Writer) error {
	fs := c.flags("key list")
	tenant := fs.String("tenant", "", "of this tenant only")
	if _, err := parseNamed(fs, args, false, stderr); err != nil {
		return err
	}
	var out struct{ Keys []keyView }
	if err := c.do(ctx, http.MethodGet, "/keys?tenant="+url.QueryEscape(*tenant), nil, &out); err != nil || c.json {
		return err
	}
	printKeys(c.stdout, out.Keys)
	return nil
}

func (c *console) revoke(ctx context.Context, args []string, stderr io.Writer) error {
	fs := c.flags("key revoke")
	grace := fs.String("grace", "", "`duration` for which it still opens; without: none")
	name, err := parseNamed(fs, args, true, stderr)
	if err != nil {
		return err
	}
	var k keyView
	if err := c.do(ctx, http.MethodDelete, "/keys/"+url.PathEscape(name)+"?grace="+url.QueryEscape(*grace), nil, &k); err != nil || c.json {
		return err
	}
	printKeys(c.stdout, []keyView{k})
	return nil
}

func printKeys(w io.Writer, keys []keyView) {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "PREFIX\tTENANT\tSTATE\tEXPIRES\tNAME\tHASH")
	for _, k := range keys {
		expires := "never"
		if k.Expires != nil {
			expires = k.Expires.Format(time.RFC3339)
		}
		prefix := k.Prefix
		if prefix == "" {
			prefix = "-"
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%.28s\n", prefix, k.Tenant, k.State, expires, k.Name, k.Hash)
	}
	_ = t.Flush() // the terminal may have gone
}

func printTenants(w io.Writer, ts []tenantView) {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "TENANT\tGROUP\tSTATE\tBITS SPENT\tTIGHTEST WINDOW ON BITS\tKEYS")
	for _, v := range ts {
		state, tight := "active", "none: nothing may be bought"
		if v.Disabled {
			state = "disabled"
		}
		least := -1.0
		for _, x := range v.Windows {
			if x.Unit == "bits" && (least < 0 || x.Left < least) {
				least = x.Left
				tight = fmt.Sprintf("%.3f of %.3f per %s left (%s)", x.Left, x.Limit, x.Per, x.Of)
			}
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%d\n", v.ID, v.Group, state, v.Spent.Bits, tight, len(v.Keys))
	}
	_ = t.Flush() // as above
}

func printTenant(w io.Writer, v tenantView) {
	printTenants(w, []tenantView{v})
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(t, "\nmost bits for a request\t%s\nwhen nothing is left\t%s\n", v.PerRequest, v.OnEmpty)
	if v.Requests > 0 {
		fmt.Fprintf(t, "requests\tat most %d per %s\n", v.Requests, v.Per)
	}
	if v.Active > 0 {
		fmt.Fprintf(t, "at the same time\tat most %d\n", v.Active)
	}
	if v.Semantic {
		fmt.Fprintf(t, "semantic cache\ttakes part\n")
	}
	fmt.Fprintf(t, "spent ever\t%s bits, %d escalations, %d bytes up, %.6f money\n\n", v.Spent.Bits, v.Spent.Escalations, v.Spent.UpBytes, v.Spent.Money)
	fmt.Fprintln(t, "WINDOW\tOF\tLIMIT\tUSED\tLEFT\tENDS")
	for _, x := range v.Windows {
		fmt.Fprintf(t, "%s per %s\t%s\t%.3f\t%.3f\t%.3f\t%s\n", x.Unit, x.Per, x.Of, x.Limit, x.Used, x.Left, x.Ends.Format(time.RFC3339))
	}
	_ = t.Flush() // as above
	if len(v.Keys) > 0 {
		fmt.Fprintln(w)
		printKeys(w, v.Keys)
	}
}

func printAudit(w io.Writer, a auditView) {
	since := "the ledger's beginning"
	if a.Since != nil {
		since = a.Since.Format(time.RFC3339)
	}
	fmt.Fprintf(w, "%d entries since %s, %d holds open\n\n", a.Entries, since, len(a.Open))
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "ACCOUNT\tOPENING\tCHARGED\t(EXPIRED)\tSPENT\tHELD\tESCALATIONS\tBYTES UP\t")
	for _, x := range a.Accounts {
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\t%d\t%d\t\n", x.Account, x.Opening.Bits, x.Charged.Bits, x.Expired.Bits, x.Spent.Bits, x.Held.Bits, x.Spent.Escalations, x.Spent.UpBytes)
	}
	_ = t.Flush() // as above
	if a.Agrees {
		fmt.Fprintln(w, "\njournal and balances agree")
	}
}
