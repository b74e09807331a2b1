package policy

import (
	"embed"
	"encoding/json"
	"fmt"
	"strings"
	"text/template"

	"tenbit"
)

// prompts are our own words to the models, one file each. What comes from a
// client or from a model stands in them as JSON between marks.
//
//go:embed prompts/*.txt
var promptFiles embed.FS

var prompts = template.Must(template.ParseFS(promptFiles, "prompts/*.txt"))

// note is what a prompt is filled with.
type note struct {
	Draft     string // JSON
	Questions string // JSON
	Findings  string // JSON
	Answer    string
	OK        string // the word for a draft that is right
	Most      int    // characters, or questions
	Count     int
}

// draftOK is what the large model says of a draft that is right. A client that
// makes it say so gets the draft, for the price of an accept.
const draftOK = "DRAFT OK"

// jsonOf is v as JSON in which no mark can be closed.
func jsonOf(v any) string {
	b, err := json.Marshal(v) // escapes < and >
	if err != nil {
		return `""`
	}
	return string(b)
}

// withNote is req with a prompt at the end of the last user turn, so that every
// chat template takes it, and with other fields set as [tenbit.Request.With] does.
func withNote(req tenbit.Request, prompt string, n note, set map[string]any) (tenbit.Request, error) {
	n.OK = draftOK
	var text strings.Builder
	if err := prompts.ExecuteTemplate(&text, prompt+".txt", n); err != nil {
		return req, fmt.Errorf("write prompt %s: %w", prompt, err)
	}
	var body struct {
		Messages []json.RawMessage `json:"messages"`
	}
	if err := req.Read(&body); err != nil {
		return req, fmt.Errorf("read a canonical request: %w", err)
	}
	said := strings.TrimSpace(text.String())
	last := len(req.Messages) - 1
	joined := last >= 0 && req.Messages[last].Role == "user" && onlyText(body.Messages[last])
	if joined {
		said = req.Messages[last].Text + "\n\n" + said
	}
	turn, err := json.Marshal(map[string]string{"role": "user", "content": said})
	if err != nil {
		return req, err
	}
	if joined {
		body.Messages[last] = turn
	} else {
		body.Messages = append(body.Messages, turn)
	}
	fields := map[string]any{"messages": body.Messages}
	for k, v := range set {
		fields[k] = v
	}
	return req.With(fields)
}

// onlyText reports a turn whose content is one string, so nothing is lost when
// it is written anew.
func onlyText(turn json.RawMessage) bool {
	var m map[string]any
	_ = json.Unmarshal(turn, &m)
	_, ok := m["content"].(string)
	return ok && len(m) == 2
}
