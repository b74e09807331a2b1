package cache

import (
	"crypto/sha256"
	"encoding/binary"

	"tenbit"
)

// Key names an entry. What is asked rests in it only as a SHA-256, into which
// the tenant goes first, so that tenants never meet.
type Key struct {
	tenant tenbit.TenantID
	sum    [sha256.Size]byte
}

// KeyOf makes the key; the tenant's length goes before it, so that no tenant
// and request can pass for another pair. The parts of a request count as one.
func KeyOf(t tenbit.TenantID, parts ...[]byte) Key {
	h := sha256.New()
	var n [8]byte
	binary.BigEndian.PutUint64(n[:], uint64(len(t)))
	h.Write(n[:])
	h.Write([]byte(t))
	for _, part := range parts {
		h.Write(part)
	}
	k := Key{tenant: t}
	h.Sum(k.sum[:0])
	return k
}

// With is the key of something else that belongs to the entry, such as its
// stream.
func (k Key) With(what string) Key {
	return KeyOf(k.tenant, []byte(what+"\n"), k.sum[:])
}
