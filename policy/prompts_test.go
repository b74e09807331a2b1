package policy

import (
	"strings"
	"testing"

	"tenbit"
)

// TestANoteGoesToTheQuestion, not to a field whose name folds to that of the messages.
func TestANoteGoesToTheQuestion(t *testing.T) {
	req, err := tenbit.ParseRequest([]byte(`{"model":"m","messages":[{"role":"user","content":"a"},{"role":"assistant","content":"b"},{"role":"user","content":"The sea?"}],"meſſages":[]}`))
	if err != nil {
		t.Fatal(err)
	}
	got, err := withNote(req, "verdict", note{}, nil)
	if err != nil || len(got.Messages) != 3 || !strings.HasPrefix(got.Messages[2].Text, "The sea?\n\n") {
		t.Errorf("got %v, %v", got.Messages, err)
	}
}
