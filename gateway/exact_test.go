package gateway_test

import (
	"strings"
	"testing"

	"tenbit"
	"tenbit/gateway"
	"tenbit/internal/fake"
)

// TestARepairAsksTheSame: fields whose names fold to those of others do not take
// their place when a model is asked once more, or for several choices.
func TestARepairAsksTheSame(t *testing.T) {
	local := fake.NewModel(func(c fake.Call) fake.Reply {
		if strings.Contains(c.Request.Question(), "Answer again with JSON") {
			return fake.Text(`{"wet":true}`)
		}
		return fake.Text("It is wet.")
	})
	b := open(t, local, fake.Says(""), func(g *gateway.Gateway, _ *tenbit.Tenant) { g.Remote = nil })
	_, body := b.post(t, `{"model":"tenbit","n":2,"seed":7.0,"ſeed":70,"response_format":{"type":"json_object"},
		"messages":[{"role":"user","content":"The sea?"}],"meſſages":[{"role":"user","content":"The moon?"}]}`)
	repairs, seeds := 0, 0
	for _, c := range local.Calls() {
		if len(c.Request.Messages) == 3 && c.Request.Messages[0].Text == "The sea?" {
			repairs++
		}
		if strings.Contains(string(c.Request.Body), `"seed":8,`) {
			seeds++
		}
	}
	if repairs != 2 || seeds == 0 {
		t.Errorf("%d repairs of the question, %d calls with the second choice's seed; want 2 and some: %s", repairs, seeds, body)
	}
}
