package gateway

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"tenbit"
)

// Tenants finds the tenant of an API key, false for a key that opens nothing.
type Tenants interface {
	Tenant(key string) (tenbit.Tenant, bool)
}

// Keys is [Tenants] that never change. Keys rest only as HMAC-SHA-256 under a
// secret, so a stolen configuration opens nothing.
type Keys struct {
	Secret  []byte
	Entries []KeyEntry
}

// KeyEntry is one key's hash and whose it is.
type KeyEntry struct {
	Hash   [sha256.Size]byte
	Tenant tenbit.Tenant
}

const hashScheme = "hmac-sha256:"

// NewKey makes an API key of 192 random bits.
func NewKey() string {
	var b [24]byte
	_, _ = rand.Read(b[:]) // never fails: crypto/rand ends the process instead
	return "tb-" + base64.RawURLEncoding.EncodeToString(b[:])
}

// PrefixOf is the part of a key that operators are shown: enough to tell keys
// apart, 36 of its 192 random bits.
func PrefixOf(key string) string { return key[:min(len(key), 9)] }

// HashKey is how a key is written in a configuration.
func HashKey(secret []byte, key string) string {
	h := SumKey(secret, key)
	return hashScheme + hex.EncodeToString(h[:])
}

// ParseHash reads what HashKey wrote.
func ParseHash(s string) (h [sha256.Size]byte, err error) {
	digits, ok := strings.CutPrefix(s, hashScheme)
	if !ok {
		return h, errors.New("want " + hashScheme + " and 64 hex digits, as `gatewayd key new` prints")
	}
	if n, err := hex.Decode(h[:], []byte(digits)); err != nil || n != len(h) || len(digits) != 2*len(h) {
		return h, fmt.Errorf("want 64 hex digits after %s", hashScheme)
	}
	return h, nil
}

// Tenant finds the key's owner. It compares with every entry, so time says
// nothing about which hash is near or where it stands.
func (k Keys) Tenant(key string) (tenbit.Tenant, bool) {
	h := SumKey(k.Secret, key)
	var found *KeyEntry
	for i := range k.Entries {
		if hmac.Equal(h[:], k.Entries[i].Hash[:]) {
			found = &k.Entries[i]
		}
	}
	if found == nil {
		return tenbit.Tenant{}, false
	}
	return found.Tenant, true
}

// SumKey is a key at rest.
func SumKey(secret []byte, key string) (h [sha256.Size]byte) {
	m := hmac.New(sha256.New, secret)
	m.Write([]byte(key))
	m.Sum(h[:0])
	return h
}
