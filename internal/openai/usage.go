package openai

import "tenbit"

type usage struct {
	Prompt     int `json:"prompt_tokens"`
	Completion int `json:"completion_tokens"`
}

func (u *usage) tokens() tenbit.Usage {
	if u == nil {
		return tenbit.Usage{}
	}
	return tenbit.Usage{Prompt: max(0, u.Prompt), Completion: max(0, u.Completion)}
}
