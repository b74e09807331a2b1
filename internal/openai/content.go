package openai

import (
	"encoding/json"
	"errors"
)

// contentText reads a content: a string, null, or the list of parts that a few
// servers send.
func contentText(raw json.RawMessage) (string, error) {
	if len(raw) == 0 {
		return "", nil
	}
	if raw[0] != '[' {
		return unquote(raw)
	}
	var parts []struct {
		Type string          `json:"type"`
		Text json.RawMessage `json:"text"`
	}
	if err := json.Unmarshal(raw, &parts); err != nil {
		return "", errors.New("not a list of parts")
	}
	var u unquoter
	var text []byte
	for _, p := range parts {
		if p.Type != "text" || len(p.Text) == 0 {
			continue // thoughts and such
		}
		var err error
		if text, err = u.append(text, p.Text); err != nil {
			return "", err
		}
	}
	return string(u.flush(text)), nil
}
