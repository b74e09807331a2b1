package embedded

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"

	"tenbit"
)

// params is what a request and its caller say of one answer.
type params struct {
	milli int64 // temperature in thousandths
	topP  uint64
	seed  uint64
	max   int // tokens, 0: no limit
	stops []string
}

func readParams(req tenbit.Request, s tenbit.Sampling) (params, error) {
	var body struct {
		Temperature *float64        `json:"temperature"`
		TopP        *float64        `json:"top_p"`
		Seed        *tenbit.Integer `json:"seed"`
		Stop        json.RawMessage `json:"stop"`
		LogitBias   map[string]any  `json:"logit_bias"`
		Messages    []struct {
			Content json.RawMessage `json:"content"`
		} `json:"messages"`
	}
	if len(req.Body) > 0 {
		if err := req.Read(&body); err != nil {
			return params{}, &tenbit.RequestError{Msg: "We could not read the sampling parameters of your request."}
		}
	}
	if len(body.LogitBias) > 0 {
		return params{}, &tenbit.RequestError{Param: "logit_bias", Code: "unsupported_value", Msg: "The local model does not take logit_bias."}
	}
	for i, m := range body.Messages {
		var parts []struct {
			Type string `json:"type"`
		}
		_ = json.Unmarshal(m.Content, &parts) // a string has none
		for j, part := range parts {
			if part.Type != "text" && part.Type != "refusal" {
				return params{}, &tenbit.RequestError{Param: fmt.Sprintf("messages[%d].content[%d].type", i, j), Code: "unsupported_value", Msg: "The local model reads text only."}
			}
		}
	}
	p := params{topP: 1 << 16, max: req.MaxTokens}
	if s.Temperature != nil {
		body.Temperature = s.Temperature
	}
	if t := body.Temperature; t != nil && *t > 0 {
		p.milli = int64(math.Round(min(*t, 100) * 1000))
	}
	if t := body.TopP; t != nil && *t >= 0 && *t < 1 {
		p.topP = uint64(*t * (1 << 16))
	}
	if s.Seed != nil {
		body.Seed = (*tenbit.Integer)(s.Seed)
	}
	if body.Seed != nil {
		p.seed = uint64(*body.Seed)
	}
	var one string
	switch {
	case body.Stop == nil:
	case json.Unmarshal(body.Stop, &one) == nil:
		p.stops = []string{one}
	default:
		// What is neither was refused when the request was parsed.
		_ = json.Unmarshal(body.Stop, &p.stops)
	}
	return p, nil
}

// decoding is one answer in the making.
type decoding struct {
	params

	m        *Model
	st       state
	out      output
	logProbs bool
}

// run generates until the end token, a stop string, a limit or an error; the
// completion holds what came in each case.
func (d *decoding) run(ctx context.Context) (c tenbit.Completion, err error) {
	pick := sampler{frac: d.m.frac, exp2: d.m.exp2, milli: d.milli, topP: d.topP, seed: d.seed}
	sum, drawn := 0.0, 0
	defer func() {
		c.Message.Content = d.out.text()
		if drawn > 0 && d.logProbs {
			c.LogProb = sum / float64(drawn)
		}
	}()
	for {
		logits := d.st.logits()
		id := pick.pick(logits)
		drawn++
		if d.logProbs {
			sum += logProb(logits, d.m.frac, id)
		}
		piece := d.m.tok.pieces[id]
		if piece == "" { // the end, or another control token: nothing may follow
			c.Finish = tenbit.FinishStop
			return c, d.out.close()
		}
		c.Usage.Completion++
		switch err := d.out.write(piece); {
		case errors.Is(err, errStop):
			c.Finish = tenbit.FinishStop
			return c, nil
		case err != nil:
			return c, err
		}
		if c.Usage.Completion == d.max || d.st.len() >= d.m.context {
			c.Finish = tenbit.FinishLength
			return c, d.out.close()
		}
		if err := d.st.eval(ctx, []int32{id}, 1); err != nil {
			return c, err
		}
	}
}
