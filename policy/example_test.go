package policy_test

import (
	"context"
	"fmt"

	"tenbit"
	"tenbit/codec"
	"tenbit/policy"
)

// fixed is a model that always says the same.
type fixed string

func (f fixed) Complete(_ context.Context, _ tenbit.Request, s tenbit.Sampling) (tenbit.Completion, error) {
	if s.Sink != nil {
		if err := s.Sink(string(f)); err != nil {
			return tenbit.Completion{}, err
		}
	}
	return tenbit.Completion{Message: tenbit.Message{Content: string(f)}, Finish: tenbit.FinishStop}, nil
}

func question() tenbit.Request {
	req, err := tenbit.ParseRequest([]byte(`{"model":"m","messages":[{"role":"user","content":"A pen costs 3 dollars. How much are 14?"}]}`))
	if err != nil {
		panic(err)
	}
	return req
}

func ExampleExtract() {
	for _, text := range []string{
		"14 pens at 3 dollars are 42 dollars.\n\nAnswer: $42.00",
		`Hence the area is $\boxed{\frac{3}{4}}$.`,
		"The answer is (B).",
		"Pens are useful, and 42 is a number.",
	} {
		answer, _, ok := policy.Extract("Give fractions in lowest terms.", text)
		fmt.Printf("%q %v\n", answer, ok)
	}
	// Output:
	// "42" true
	// "3/4" true
	// "B" true
	// "" false
}

func ExampleAnswerOf() {
	req, err := tenbit.ParseRequest([]byte(`{"model":"m","messages":[{"role":"user","content":"Where is it?"}],
		"tools":[{"type":"function","function":{"name":"look"}}]}`))
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, calls := range []string{
		`[{"id":"call_1","type":"function","function":{"name":"look","arguments":"{\"deep\": true, \"at\": \"sea\"}"}}]`,
		`[{"id":"call_2","type":"function","function":{"name":"look","arguments":"{\"at\":\"sea\",\"deep\":true}"}}]`,
		`[{"id":"call_3","type":"function","function":{"name":"drill","arguments":"{}"}}]`,
	} {
		answer, ok := policy.AnswerOf(req, tenbit.Message{ToolCalls: []byte(calls)})
		fmt.Printf("%q %v\n", answer, ok)
	}
	// Output:
	// "look({\"at\":\"sea\",\"deep\":true})" true
	// "look({\"at\":\"sea\",\"deep\":true})" true
	// "" false
}

func ExampleClosed() {
	fmt.Println(policy.Closed(question(), tenbit.Message{Content: "Answer: 42"}))
	fmt.Println(policy.Closed(question(), tenbit.Message{Content: "Pens have become cheap."}))
	// Output:
	// true
	// false
}

func ExampleDrafter() {
	d := policy.Drafter{Local: fixed("3 * 14 = 42\nAnswer: 42"), Samples: 4, Temperature: 0.7}
	draft, err := d.Draft(context.Background(), question())
	fmt.Println(draft.Candidates, draft.Tally.Samples, err)
	fmt.Println(policy.Gate{Confidence: 0.5}.Local(draft), policy.Gate{Confidence: 1}.Local(draft))
	// Output:
	// [{42 4 0}] 4 <nil>
	// true false
}

// The draft says 17, the large model says 42: the product of two numbers of the
// question, which costs a few bits.
func ExampleOrigin() {
	ask := tenbit.Ask{
		Request:    question(),
		Limit:      10 * tenbit.Bit,
		Modes:      tenbit.Modes(tenbit.ModeAccept, tenbit.ModeSelect, tenbit.ModeAnswer, tenbit.ModeFull),
		Draft:      &tenbit.Message{Content: "Answer: 17"},
		Candidates: []tenbit.Candidate{{Answer: "17", Votes: 3}, {Answer: "11", Votes: 1}},
	}
	edge := policy.NewDecoder(codec.Default(), ask)
	origin := policy.Origin{Large: fixed("3 * 14 = 42\nAnswer: 42"), Codec: codec.Default()}
	sent, err := origin.Serve(context.Background(), ask, edge.Feed)
	if err != nil {
		fmt.Println(err)
		return
	}
	reply, err := edge.Finish(sent.Digest)
	fmt.Println(reply.Mode, reply.Answer, reply.Cost.Bits == sent.Bits, reply.Cost.Bits < 8*tenbit.Bit, err)
	// Output:
	// answer 42 true true <nil>
}

func ExampleAPI() {
	ask := tenbit.Ask{
		Request:    question(),
		Limit:      100 * tenbit.Bit,
		Modes:      tenbit.Modes(tenbit.ModeAccept, tenbit.ModeSelect, tenbit.ModeAnswer),
		Draft:      &tenbit.Message{Content: "Answer: 42"},
		Candidates: []tenbit.Candidate{{Answer: "42", Votes: 8}},
	}
	api := policy.API{Large: fixed("It is 42 dollars.\nAnswer: 42"), Codec: codec.Default()}
	reply, err := api.Escalate(context.Background(), ask)
	fmt.Println(reply.Mode, reply.Cost.Bits < tenbit.Bit, err)
	// Output: accept true <nil>
}

func ExampleResolve() {
	draft := tenbit.Message{Content: "14 + 3 = 17\n\n**Answer:** 17"}
	c := policy.Resolve(context.Background(), nil, question(), &draft, "42")
	fmt.Println(c.Message.Content)
	// Output: **Answer:** 42
}
