package gateway

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"os"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/zstd"
)

// body reads a request's body: in time, at most MaxBody bytes also after it is
// decompressed, in UTF-8.
func (g *Gateway) body(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	if err := mediaType(r.Header.Get("Content-Type")); err != nil {
		return nil, err
	}
	ctl := http.NewResponseController(w)
	_ = ctl.SetReadDeadline(time.Now().Add(g.BodyTime)) // a recorder in a test has none
	b, err := g.readBody(w, r)
	if err != nil {
		return nil, err // the server reads on for a while, under the same deadline
	}
	// Without a deadline from here on: it would end the request while the model works.
	_ = ctl.SetReadDeadline(time.Time{})
	if !utf8.Valid(b) || loneSurrogate(b) {
		return nil, invalid("", "", "We could not parse the JSON body of your request: it is not valid Unicode.")
	}
	return b, nil
}

func (g *Gateway) readBody(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	if r.ContentLength > g.MaxBody { // is declared: none of it is waited for
		return nil, g.tooLarge()
	}
	raw, err := io.ReadAll(http.MaxBytesReader(w, r.Body, g.MaxBody))
	var big *http.MaxBytesError
	switch {
	case errors.As(err, &big):
		return nil, g.tooLarge()
	case errors.Is(err, os.ErrDeadlineExceeded):
		return nil, &Error{Status: http.StatusRequestTimeout, Type: "invalid_request_error", Code: "request_timeout", Msg: "The body did not arrive in time."}
	case err != nil:
		return nil, invalid("", "", "The body could not be read.")
	}
	coding := strings.ToLower(strings.TrimSpace(strings.Join(r.Header.Values("Content-Encoding"), ",")))
	if coding == "" || coding == "identity" {
		return raw, nil
	}
	plain, err := expand(coding, raw, g.MaxBody)
	if errors.Is(err, errBomb) {
		return nil, g.tooLarge()
	}
	return plain, err
}

func (g *Gateway) tooLarge() *Error {
	return &Error{Status: http.StatusRequestEntityTooLarge, Type: "invalid_request_error", Code: "request_too_large", Msg: fmt.Sprintf("The body is larger than %d bytes.", g.MaxBody)}
}

// codings are the content codings of request bodies, as Accept-Encoding names them.
const codings = "gzip, deflate, zstd, br"

// errBomb says that a body expands beyond the limit.
var errBomb = errors.New("body expands beyond the limit")

// maxWindow bounds the memory of a decompressor, in bytes; encoders use 8 MiB
// at most unless they are told otherwise.
const maxWindow = 8 << 20

// expand decompresses a body to at most so many bytes.
func expand(coding string, raw []byte, most int64) ([]byte, error) {
	in := io.Reader(bytes.NewReader(raw))
	var err error
	switch coding {
	case "gzip", "x-gzip":
		in, err = gzip.NewReader(in)
	case "deflate":
		if in, err = zlib.NewReader(in); err != nil { // some leave zlib's frame out
			in, err = flate.NewReader(bytes.NewReader(raw)), nil
		}
	case "br":
		in = brotli.NewReader(in)
	case "zstd":
		var d *zstd.Decoder
		d, err = zstd.NewReader(in, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(maxWindow), zstd.WithDecoderMaxMemory(uint64(most)+maxWindow))
		if err == nil {
			defer d.Close()
			in = d
		}
	default:
		return nil, &Error{Status: http.StatusUnsupportedMediaType, Type: "invalid_request_error", Code: "unsupported_encoding", Msg: "This Content-Encoding is not supported. Send " + codings + " or none.", Accept: codings}
	}
	var plain []byte
	if err == nil {
		plain, err = io.ReadAll(io.LimitReader(in, most+1))
	}
	switch {
	case int64(len(plain)) > most, errors.Is(err, zstd.ErrDecoderSizeExceeded), errors.Is(err, zstd.ErrWindowSizeExceeded):
		return nil, errBomb
	case err != nil:
		return nil, invalid("", "", "The body is not what its Content-Encoding says.")
	}
	return plain, nil
}

// mediaType refuses bodies that are not JSON. curl says that what it sends is a
// form unless told otherwise, so that passes as well.
func mediaType(h string) error {
	if h == "" {
		return nil
	}
	kind, params, err := mime.ParseMediaType(h)
	charset := strings.ToLower(params["charset"])
	json := kind == "application/json" || kind == "application/x-www-form-urlencoded" || strings.HasPrefix(kind, "application/") && strings.HasSuffix(kind, "+json")
	if err != nil || !json || charset != "" && charset != "utf-8" && charset != "utf8" {
		return &Error{Status: http.StatusUnsupportedMediaType, Type: "invalid_request_error", Code: "unsupported_media_type", Msg: "Send the body as application/json, in UTF-8."}
	}
	return nil
}

// loneSurrogate reports an escape of half a character, which no text can hold.
func loneSurrogate(b []byte) bool {
	high := false // the escape before was the first half
	for i := 0; i < len(b); i++ {
		if b[i] != '\\' {
			if high {
				return true
			}
			continue
		}
		r, escaped := escape(b[i:])
		low := escaped && r >= 0xdc00 && r < 0xe000
		if high != low {
			return true
		}
		high = escaped && r >= 0xd800 && r < 0xdc00
		i++
		if escaped {
			i += 4
		}
	}
	return high
}

// escape reads \uXXXX at the beginning of b.
func escape(b []byte) (rune, bool) {
	if len(b) < 6 || b[1] != 'u' {
		return 0, false
	}
	var r rune
	for _, c := range b[2:6] {
		switch {
		case c >= '0' && c <= '9':
			r = r<<4 | rune(c-'0')
		case c|0x20 >= 'a' && c|0x20 <= 'f':
			r = r<<4 | rune(c|0x20-'a'+10)
		default:
			return 0, false
		}
	}
	return r, true
}
