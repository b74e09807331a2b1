package openai

import (
	"encoding/json"
	"strconv"
	"strings"

	"tenbit"
)

// usage counts tokens. It is not the answer, so what cannot be read of it is 0
// and never an error.
type usage struct {
	Prompt, Completion tokens
}

// UnmarshalJSON never fails.
func (u *usage) UnmarshalJSON(b []byte) error {
	var v struct {
		Prompt     tokens `json:"prompt_tokens"`
		Completion tokens `json:"completion_tokens"`
	}
	_ = json.Unmarshal(b, &v)
	u.Prompt, u.Completion = v.Prompt, v.Completion
	return nil
}

// tokens are a number of them, which some servers write as 5.0 or "5".
type tokens int

// UnmarshalJSON never fails.
func (n *tokens) UnmarshalJSON(b []byte) error {
	*n = 0
	if f, err := strconv.ParseFloat(strings.Trim(string(b), `"`), 64); err == nil && f > 0 && f < 1<<53 {
		*n = tokens(f)
	}
	return nil
}

func (u *usage) tokens() tenbit.Usage {
	if u == nil {
		return tenbit.Usage{}
	}
	return tenbit.Usage{Prompt: int(u.Prompt), Completion: int(u.Completion)}
}
