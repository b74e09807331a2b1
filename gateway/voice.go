package gateway

import (
	"strings"
	"unicode/utf8"

	"tenbit"
)

// voice tells answers in the words of one endpoint.
type voice interface {
	// whole is the response that is not streamed.
	whole(c *call) any
	// speak opens a stream.
	speak(s *events) (speaker, error)
}

// speaker tells the events of one stream, each in one write. A call's choices
// come in any order.
type speaker interface {
	text(choice int, p piece) error
	// end follows a choice's last text.
	end(choice int, a tenbit.Answer) error
	// close ends the stream, with an error where something failed.
	close(failed *Error) error
}

// piece is a bit of text with the log-probabilities of its tokens, where those
// are asked for.
type piece struct {
	text   string
	tokens []tenbit.TokenProb
}

// A text that is there at once is cut into at most maxPieces events, or some
// more where its words are long.
const (
	maxPieces = 256
	longWord  = 64 // bytes
)

// pieces cuts what is left of an answer as a model would have streamed it: a
// client must not see by the shape that it was cached, selected or checked.
func pieces(a tenbit.Answer, sent int) []piece {
	text := strings.ToValidUTF8(a.Message.Content[sent:], "\uFFFD")
	if len(a.Tokens) > 0 {
		return byToken(text, a.Tokens)
	}
	var out []piece
	least := len(text) / maxPieces
	for from, i := 0, 0; i < len(text); i++ {
		word := func() bool { return text[i] != ' ' && text[i+1] == ' ' }
		long := func() bool { return i+1-from > least+longWord && utf8.RuneStart(text[i+1]) }
		if i == len(text)-1 || i+1-from > least && (word() || long()) {
			out = append(out, piece{text: text[from : i+1]})
			from = i + 1
		}
	}
	return out
}

// byToken cuts a text at its tokens. Tokens that only make a character together
// stay together; tokens that do not make up the text all go with it.
func byToken(text string, tokens []tenbit.TokenProb) []piece {
	var out []piece
	rest, part, from := text, "", 0
	for i, t := range tokens {
		if part += spellingOf(t); !strings.HasPrefix(rest, part) {
			break
		}
		if !utf8.ValidString(part) {
			continue // half a character
		}
		out = append(out, piece{part, tokens[from : i+1]})
		rest, part, from = rest[len(part):], "", i+1
	}
	if rest != "" || from != len(tokens) {
		return []piece{{text, tokens}}
	}
	return out
}

// spellingOf is the text of a token, by its bytes where it has them.
func spellingOf(t tenbit.TokenProb) string {
	if t.Bytes == nil {
		return t.Token
	}
	b := make([]byte, len(t.Bytes))
	for i, v := range t.Bytes {
		b[i] = byte(v)
	}
	return string(b)
}
