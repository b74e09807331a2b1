package cache

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"
)

// Keyring encrypts what rests outside of the process. The first key writes, all
// of them read. The zero value encrypts nothing and reads nothing encrypted.
type Keyring struct {
	keys []restKey
}

// restKey are the parts made of one configured key.
type restKey struct {
	id         [keyIDSize]byte
	seal, name []byte // keys of HMAC-SHA-256
}

// ErrUnreadable says that an entry is damaged, lies under another's name, or is
// encrypted under a key that is not known.
var ErrUnreadable = errors.New("unreadable cache entry")

// Sizes in bytes.
const (
	masterSize = 32
	keyIDSize  = 4
	headRest   = 2 // version and form
)

// An entry at rest begins with the version of the format and its form.
const (
	restVersion = 1
	formPlain   = 0
	formSealed  = 1
)

// ParseKeys reads keys of 64 hex digits each, parted by commas or white space;
// of a line what follows a # is left out. No key at all is an error.
func ParseKeys(text string) (Keyring, error) {
	var r Keyring
	for line := range strings.Lines(text) {
		line, _, _ = strings.Cut(line, "#")
		for _, digits := range strings.Fields(strings.ReplaceAll(line, ",", " ")) {
			master, err := hex.DecodeString(digits)
			if err != nil || len(master) != masterSize {
				return Keyring{}, errors.New("want keys of 64 hex digits, as `openssl rand -hex 32` prints them")
			}
			k := newRestKey(master)
			for _, other := range r.keys {
				if other.id == k.id {
					return Keyring{}, errors.New("a key stands twice")
				}
			}
			r.keys = append(r.keys, k)
		}
	}
	if len(r.keys) == 0 {
		return Keyring{}, errors.New("no key")
	}
	return r, nil
}

func newRestKey(master []byte) (k restKey) {
	k.seal, k.name = keyed(master, []byte("tenbit cache seal")), keyed(master, []byte("tenbit cache name"))
	copy(k.id[:], keyed(master, []byte("tenbit cache id")))
	return k
}

func keyed(key, what []byte) []byte {
	m := hmac.New(sha256.New, key)
	m.Write(what)
	return m.Sum(nil)
}

// names are the names under which an entry may rest, the one to write first.
// With a key they are keyed, so that nobody can try out what was asked.
func (r Keyring) names(k Key) []string {
	const prefix = "tenbit:answer:"
	if len(r.keys) == 0 {
		return []string{prefix + hex.EncodeToString(k.sum[:])}
	}
	names := make([]string, len(r.keys))
	for i, key := range r.keys {
		names[i] = prefix + hex.EncodeToString(keyed(key.name, k.sum[:]))
	}
	return names
}

// seal writes an entry as it rests: head, then its end and value, either under
// a digest that binds them to the key, or encrypted.
func (r Keyring) seal(k Key, e Entry) ([]byte, error) {
	body := binary.BigEndian.AppendUint64(make([]byte, 0, 8+len(e.Val)), uint64(e.Expires.UnixMilli()))
	body = append(body, e.Val...)
	if len(r.keys) == 0 {
		head := []byte{restVersion, formPlain}
		sum := digest(k, head, body)
		return append(append(head, sum[:]...), body...), nil
	}
	head := append([]byte{restVersion, formSealed}, r.keys[0].id[:]...)
	gcm, err := r.keys[0].aead(k)
	if err != nil {
		return nil, err
	}
	return append(head, gcm.Seal(nil, nil, body, bound(k, head))...), nil
}

// open reads what seal wrote for the same key. Every error is [ErrUnreadable].
// With a keyring nothing is believed that isn't encrypted.
func (r Keyring) open(k Key, sealed []byte) (Entry, error) {
	if len(sealed) < headRest || sealed[0] != restVersion {
		return Entry{}, ErrUnreadable
	}
	var body []byte
	switch {
	case sealed[1] == formPlain && len(r.keys) == 0 && len(sealed) >= headRest+sha256.Size:
		head, sum := sealed[:headRest], sealed[headRest:][:sha256.Size]
		body = sealed[headRest+sha256.Size:]
		if d := digest(k, head, body); !hmac.Equal(d[:], sum) {
			return Entry{}, ErrUnreadable
		}
	case sealed[1] == formSealed && len(sealed) >= headRest+keyIDSize:
		var err error
		if body, err = r.decrypt(k, sealed[:headRest+keyIDSize], sealed[headRest+keyIDSize:]); err != nil {
			return Entry{}, ErrUnreadable
		}
	}
	if len(body) < 8 {
		return Entry{}, ErrUnreadable
	}
	return Entry{body[8:], time.UnixMilli(int64(binary.BigEndian.Uint64(body)))}, nil
}

func (r Keyring) decrypt(k Key, head, sealed []byte) ([]byte, error) {
	for _, key := range r.keys {
		if string(key.id[:]) != string(head[headRest:]) {
			continue
		}
		gcm, err := key.aead(k)
		if err != nil {
			return nil, err
		}
		return gcm.Open(nil, nil, sealed, bound(k, head))
	}
	return nil, ErrUnreadable
}

// aead is AES-256-GCM with random nonces under a key of the entry's own: under
// one key for all, nonces would be too many after 2^32 entries.
func (k restKey) aead(of Key) (cipher.AEAD, error) {
	block, err := aes.NewCipher(keyed(k.seal, of.sum[:]))
	if err != nil {
		return nil, fmt.Errorf("encrypt a cache entry: %w", err)
	}
	gcm, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return nil, fmt.Errorf("encrypt a cache entry: %w", err)
	}
	return gcm, nil
}

// bound is what an encrypted entry is bound to: its head and its key, so that
// entries can't be swapped.
func bound(k Key, head []byte) []byte { return append(head[:len(head):len(head)], k.sum[:]...) }

func digest(k Key, head, body []byte) (sum [sha256.Size]byte) {
	h := sha256.New()
	h.Write(k.sum[:])
	h.Write(head)
	h.Write(body)
	h.Sum(sum[:0])
	return sum
}
