package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"text/tabwriter"
	"time"
)

// groupMain is `gatewayd group`: budgets that tenants share.
func groupMain(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	c := &console{stdout: stdout}
	var err error
	switch verb, rest := first(args); verb {
	case "list":
		err = c.groups(ctx, rest, stderr)
	case "set", "reset":
		err = c.group(ctx, verb, rest, stderr)
	default:
		err = verbs("group", verb, stdout, "list, set or reset")
	}
	if err != nil {
		return fail(stderr, err)
	}
	return 0
}

func (c *console) groups(ctx context.Context, args []string, stderr io.Writer) error {
	if _, err := parseNamed(c.flags("group list"), args, false, stderr); err != nil {
		return err
	}
	var out struct{ Groups []groupView }
	if err := c.do(ctx, http.MethodGet, "/groups", nil, &out); err != nil || c.json {
		return err
	}
	printGroups(c.stdout, out.Groups)
	return nil
}

func (c *console) group(ctx context.Context, verb string, args []string, stderr io.Writer) error {
	fs := c.flags("group " + verb)
	var body struct {
		Windows []windowChange `json:"windows"`
	}
	if verb == "set" {
		fs.Func("window", "one `window`, all of which replace those before: bits=1000000,per=24h; also escalations=, up_bytes=, money=", func(s string) error {
			w, err := parseWindow(s)
			body.Windows = append(body.Windows, w)
			return err
		})
	}
	id, err := parseNamed(fs, args, true, stderr)
	if err != nil {
		return err
	}
	path := "/groups/" + url.PathEscape(id)
	if verb == "reset" {
		path += "/reset"
	} else if len(body.Windows) == 0 {
		return wrong(fs, "want -window")
	}
	var out groupView
	if err := c.do(ctx, http.MethodPost, path, body, &out); err != nil || c.json {
		return err
	}
	printGroups(c.stdout, []groupView{out})
	return nil
}

func printGroups(w io.Writer, gs []groupView) {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "GROUP\tBITS SPENT\tWINDOW\tLIMIT\tUSED\tLEFT\tENDS")
	for _, g := range gs {
		if len(g.Windows) == 0 {
			fmt.Fprintf(t, "%s\t%s\tno limit\t\t\t\t\n", g.ID, g.Spent.Bits)
		}
		for _, x := range g.Windows {
			fmt.Fprintf(t, "%s\t%s\t%s per %s\t%.3f\t%.3f\t%.3f\t%s\n", g.ID, g.Spent.Bits, x.Unit, x.Per, x.Limit, x.Used, x.Left, x.Ends.Format(time.RFC3339))
		}
	}
	_ = t.Flush() // the terminal may have gone
}
