package test

import (
	"fmt"
	"strings"
	"testing"

	"tenbit"
	"tenbit/internal/redistest"
)

// TestGroupsAndEverybody: a group's budget and everybody's hold over tenants and
// edges together, and a tenant that an operator moves into a group is bound by
// it on every edge.
func TestGroupsAndEverybody(t *testing.T) {
	price := wholeGrant(t)
	bits := func(n int) []tree {
		f := float64(tenbit.Bits(n)*price) / float64(tenbit.Bit)
		return []tree{{"bits": f, "per": "8760h"}}
	}
	type person struct{ key, hash string }
	people := map[string]person{}
	for _, id := range []string{"ann", "bob", "eve"} {
		key, hash := newKey(t)
		people[id] = person{key, hash}
	}
	redis := redistest.Run(t)
	d := deploy(t, says("It is dark."), says(story), func(edge, _ tree) {
		edge.set("ledger.kind", "redis")
		edge.set("ledger.redis.addr", redis.Addr)
		edge.set("ledger.redis.timeout", "30s")
		worth(t, edge, 9, price)
		budget := edge["tenants"].([]tree)[0]["budget"]
		edge["groups"] = []tree{{"id": "crew", "windows": bits(3)}}
		edge["global"] = tree{"windows": bits(5)}
		edge["tenants"] = []tree{
			{"id": "ann", "group": "crew", "keys": []string{people["ann"].hash}, "budget": budget},
			{"id": "bob", "group": "crew", "keys": []string{people["bob"].hash}, "budget": budget},
			{"id": "eve", "keys": []string{people["eve"].hash}, "budget": budget},
		}
	})
	admins, urls := []string{d.Edge.Admin}, []string{d.URL}
	d.startEdge(t, d.edgeConfig)
	admins, urls = append(admins, d.Edge.Admin), append(urls, d.URL)
	buys := func(id string, edge int) bool {
		t.Helper()
		one := &deployment{URL: urls[edge], Key: people[id].key}
		a := one.post(t, fresh(open, false))
		if a.Meter.Bits != price && (a.Meter.Bits != 0 || a.Meter.Degraded != "over budget") {
			t.Errorf("%s: got %d, %+v", id, a.Status, a.Meter)
		}
		return a.Meter.Bits > 0
	}
	for i, tt := range []struct {
		id   string
		edge int
		want bool
	}{
		{"ann", 0, true},
		{"bob", 1, true},
		{"ann", 1, true}, // the group's three
		{"bob", 0, false},
		{"ann", 0, false},
		{"eve", 1, true}, // who is in no group
	} {
		if got := buys(tt.id, tt.edge); got != tt.want {
			t.Errorf("%d: %s bought: %v, want %v", i, tt.id, got, tt.want)
		}
	}
	if _, errs, code := once(t, "", "tenant", "set", "eve", "-group", "crew", "-admin", admins[0][len("http://"):]); code != 0 {
		t.Fatal(errs)
	}
	if buys("eve", 0) {
		t.Error("eve bought beside her group's budget, on the edge that was told")
	}
	// The other edge was told, too, before this answer came, or a moment later:
	// everybody's budget has one answer left, and eve may have had it.
	extra := 0
	d.eventually(t, "the change elsewhere", func() bool {
		if !buys("eve", 1) {
			return true
		}
		extra++
		return false
	})
	if extra > 1 {
		t.Errorf("%d answers beside a group and everybody's budget", extra)
	}
	if _, errs, code := once(t, "", "tenant", "set", "eve", "-group", "", "-admin", admins[1][len("http://"):]); code != 0 {
		t.Fatal(errs)
	}
	if got := buys("eve", 1); got != (extra == 0) {
		t.Errorf("out of the group: bought %v after %d; want everybody's fifth answer once", got, extra)
	}
	if buys("eve", 1) || buys("ann", 0) {
		t.Error("a sixth answer of everybody's five")
	}
	// Both budgets grow by the operator's word, on the edge that was not told itself.
	for id, n := range map[string]int{"crew": 4, "global": 6} {
		if _, errs, code := once(t, "", "group", "set", id, "-window", fmt.Sprintf("bits=%v,per=8760h", bits(n)[0]["bits"]), "-admin", admins[0][len("http://"):]); code != 0 {
			t.Fatal(errs)
		}
	}
	d.eventually(t, "more for the group, elsewhere", func() bool { return buys("bob", 1) })
	if buys("bob", 1) || buys("ann", 0) {
		t.Error("a fifth answer of the group's four")
	}
	if list, errs, code := once(t, "", "group", "list", "-admin", admins[1][len("http://"):]); code != 0 || !strings.Contains(list, "crew") || !strings.Contains(list, "global") {
		t.Errorf("group list: %s%s", list, errs)
	}
	a := audit(t, admins[1])
	all, _ := a.of(t, "all")
	crew, _ := a.of(t, "g%3Acrew")
	if all != 6*price || crew != 4*price {
		t.Errorf("the journal says %v for all and %v for the group, want %v and %v", all, crew, 6*price, 4*price)
	}
}
