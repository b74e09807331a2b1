package openai

import (
	"encoding/json"
	"errors"
)

// appendContent adds a content to dst: a string, null, or the list of parts that
// a few servers send.
func (u *unquoter) appendContent(dst []byte, raw json.RawMessage) ([]byte, error) {
	if len(raw) == 0 {
		return dst, nil
	}
	if raw[0] != '[' {
		return u.append(dst, raw)
	}
	var parts []struct {
		Type string          `json:"type"`
		Text json.RawMessage `json:"text"`
	}
	if err := json.Unmarshal(raw, &parts); err != nil {
		return dst, errors.New("not a list of parts")
	}
	for _, p := range parts {
		if p.Type != "text" || len(p.Text) == 0 {
			continue // thoughts and such
		}
		var err error
		if dst, err = u.append(dst, p.Text); err != nil {
			return dst, err
		}
	}
	return dst, nil
}

// contentText is the whole of one content.
func contentText(raw json.RawMessage) (string, error) {
	var u unquoter
	b, err := u.appendContent(nil, raw)
	if err != nil {
		return "", err
	}
	return string(u.flush(b)), nil
}

// silent says that a content holds nothing.
func silent(raw json.RawMessage) bool {
	switch string(raw) {
	case "", "null", `""`, "[]":
		return true
	}
	return false
}
