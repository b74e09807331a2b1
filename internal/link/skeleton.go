package link

import (
	"bytes"
	"slices"

	"tenbit"
	"tenbit/codec"
)

// A request's body is JSON, whose strings escape quotes, backslashes and ends of
// lines: what text and code are full of and no model of them expects. So its
// longer strings are coded as the texts they are, behind its skeleton: the body
// with a gap in place of each. JSON has no raw control characters, so nothing
// else looks like a gap.
const gap = 0x01

// minText is how many bytes of JSON a string must have for a gap: shorter ones
// are names and numbers rather than text.
const minText = 16

// maxGaps bounds the texts of one body; what is beyond stays in the skeleton.
const maxGaps = 1 << 10

// usualSkeleton primes skeletons: what most canonical bodies are written in. It
// is part of the format.
const usualSkeleton = "{\"messages\":[{\"content\":\x01,\"role\":\"user\"}],\"model\":\"tenbit\"}\n" +
	"{\"messages\":[{\"content\":\x01,\"role\":\"system\"},{\"content\":\x01,\"role\":\"user\"}],\"model\":\"tenbit\",\"stream\":true}\n" +
	"{\"max_tokens\":256,\"messages\":[{\"content\":\x01,\"role\":\"user\"},{\"content\":\"It is.\",\"role\":\"assistant\"},{\"content\":\"Why?\",\"role\":\"user\"}],\"model\":\"tenbit\",\"temperature\":0}\n" +
	"{\"messages\":[{\"content\":\x01,\"role\":\"user\"}],\"model\":\"tenbit\"}\n"

// split takes the texts out of a part of a body that begins outside of strings.
// Of anything else it makes something that join puts together again, too.
func split(body []byte) (skeleton []byte, texts [][]byte) {
	for len(body) > 0 {
		from := bytes.IndexByte(body, '"')
		end := -1
		if from >= 0 {
			end = stringEnd(body, from)
		}
		if end < 0 {
			break
		}
		s := body[from:end]
		isKey := end < len(body) && body[end] == ':'
		skeleton = append(skeleton, body[:from]...)
		body = body[end:]
		if text, ok := unquote(s); ok && !isKey && len(s) >= minText && len(texts) < maxGaps {
			skeleton, texts = append(skeleton, gap), append(texts, text)
			continue
		}
		skeleton = append(skeleton, s...)
	}
	return append(skeleton, body...), texts
}

// stringEnd is where the string ends whose first quote is at from; -1: nowhere.
func stringEnd(json []byte, from int) int {
	for i := from + 1; i < len(json); i++ {
		switch json[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return -1
}

// unquote is the text of a JSON string, if quote writes that string again.
func unquote(s []byte) (text []byte, ok bool) {
	for i := 1; i < len(s)-1; i++ {
		c := s[i]
		if c == '\\' {
			i++
			if c, ok = unescaped[s[i]]; !ok {
				return nil, false
			}
		}
		text = append(text, c)
	}
	return text, true
}

// unescaped are the escapes that texts go without; a string with another one stays whole.
var unescaped = map[byte]byte{'n': '\n', 't': '\t', 'r': '\r', '"': '"', '\\': '\\'}

// quote is the JSON string of a text.
func quote(text []byte) []byte {
	s := append(make([]byte, 0, len(text)+2), '"')
	for _, c := range text {
		switch c {
		case '\n':
			s = append(s, '\\', 'n')
		case '\t':
			s = append(s, '\\', 't')
		case '\r':
			s = append(s, '\\', 'r')
		case '"', '\\':
			s = append(s, '\\', c)
		default:
			s = append(s, c)
		}
	}
	return append(s, '"')
}

// join is the inverse of split. There must be as many texts as gaps.
func join(skeleton []byte, texts [][]byte) []byte {
	var body []byte
	for i, part := range bytes.Split(skeleton, []byte{gap}) {
		if i > 0 {
			body = append(body, quote(texts[i-1])...)
		}
		body = append(body, part...)
	}
	return body
}

// inside reports whether the end of a part of a body lies in a string, if its
// beginning does not.
func inside(body []byte) bool {
	for {
		from := bytes.IndexByte(body, '"')
		if from < 0 {
			return false
		}
		end := stringEnd(body, from)
		if end < 0 {
			return true
		}
		body = body[end:]
	}
}

// bodyCoder codes what is new in a body. What its texts have in common is learnt
// from one to the next.
type bodyCoder struct {
	skeleton, texts codec.Predictor
	before, after   []byte // the quotes that the strings lack which it begins and ends in
}

func (c bodyCoder) write(write func(codec.Predictor, []byte), fresh []byte) {
	skeleton, texts := split(slices.Concat(c.before, fresh, c.after))
	write(c.skeleton, skeleton)
	for _, t := range texts {
		write(c.texts, t)
	}
}

// read is the inverse of write.
func (c bodyCoder) read(read func(codec.Predictor) ([]byte, error)) ([]byte, error) {
	skeleton, err := read(c.skeleton)
	if err != nil {
		return nil, err
	}
	n := bytes.Count(skeleton, []byte{gap})
	if n > maxGaps {
		return nil, errRange
	}
	var texts [][]byte
	for range n {
		t, err := read(c.texts)
		if err != nil {
			return nil, err
		}
		texts = append(texts, t)
	}
	fresh := join(skeleton, texts)
	if again, _ := split(fresh); !bytes.Equal(again, skeleton) || len(fresh) < len(c.before)+len(c.after) ||
		!bytes.HasPrefix(fresh, c.before) || !bytes.HasSuffix(fresh, c.after) {
		return nil, errRange
	}
	return fresh[len(c.before) : len(fresh)-len(c.after)], nil
}

// learnt is a request's body as a history learns it: its skeleton and its texts.
func learnt(r tenbit.Request) []byte {
	skeleton, texts := split(r.Body)
	return bytes.Join(append([][]byte{skeleton}, texts...), []byte{'\n'})
}
