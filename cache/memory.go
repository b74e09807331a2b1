package cache

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math/bits"
	"sync"
	"time"

	"tenbit"
)

// memory is an LRU of values, one list for each tenant. Everything that grows
// with the number of entries lies in its blocks and its table, which are made
// once, so the ceiling holds to the byte.
type memory struct {
	most int64 // blocks of one tenant

	mu      sync.Mutex // guards what follows
	blocks  *blocks
	table   []byte // an entry's first block, as uint32, by the key's hash; others of the same hash follow in a list
	tenants []held
	slots   map[tenbit.TenantID]uint32 // where a tenant stands in tenants
	entries int64
	used    int64 // blocks
	evicted int64
}

// held is what one tenant has in memory.
type held struct {
	newest, oldest uint32
	blocks         int64
}

// The head of an entry's first block, after the link.
const (
	headChain   = linkSize        // uint32: next entry of the same hash
	headNewer   = headChain + 4   // uint32: in the tenant's list
	headOlder   = headNewer + 4   // uint32
	headTenant  = headOlder + 4   // uint32: place in tenants
	headLen     = headTenant + 4  // uint32: of the value
	headExpires = headLen + 4     // int64: milliseconds since the epoch
	headSum     = headExpires + 8 // of the key
	headSize    = headSum + 32
)

// perBucket is how many blocks there are for a place in the table: about one
// entry of 300 bytes.
const perBucket = 4

// tableEntry is the size of a place in the table, in bytes.
const tableEntry = 4

// newMemory takes at most size bytes, of which a tenant may fill so many; 0: all.
func newMemory(size, tenant int64) (*memory, error) {
	n := size / blockSize
	buckets := int64(1) << bits.Len64(uint64(n/perBucket)) // at least one, at most n/2
	n = (size - tableEntry*buckets) / blockSize
	if n >= 1<<32-1 {
		return nil, errors.New("over 512 GiB")
	}
	b, table, err := newBlocks(n, tableEntry*buckets)
	if err != nil {
		return nil, err
	}
	most := n
	if tenant > 0 {
		most = min(n, tenant/blockSize)
	}
	return &memory{most: most, blocks: b, table: table, slots: map[tenbit.TenantID]uint32{}}, nil
}

// get copies the value of an entry that has not ended.
func (m *memory) get(k Key, now time.Time) ([]byte, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	n := m.find(k)
	if n == 0 {
		return nil, false
	}
	if !m.end(n).After(now) {
		m.drop(n)
		return nil, false
	}
	m.unlist(n)
	m.list(n, m.field(n, headTenant))
	return m.blocks.read(n, headSize, int(m.field(n, headLen))), true
}

// put keeps a copy of an entry, unless it would take more than an eighth of
// what its tenant may fill.
func (m *memory) put(k Key, e Entry) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.insert(k, e)
}

// fill is put for what came from elsewhere: what is kept by now is newer.
func (m *memory) fill(k Key, e Entry, now time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if n := m.find(k); n == 0 || !m.end(n).After(now) {
		m.insert(k, e)
	}
}

// keeps says when the entry ends whose value is val; false where there is none.
func (m *memory) keeps(k Key, val []byte, now time.Time) (end time.Time, ok bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.compare(k, val, now)
}

// replace changes the value of an entry whose value was another; one that would
// be too large leaves it.
func (m *memory) replace(k Key, was, val []byte, now time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if needed(len(val), headSize) > max(m.most/8, 1) {
		return
	}
	if end, ok := m.compare(k, was, now); ok {
		m.insert(k, Entry{val, end})
	}
}

// compare is keeps for who holds the lock.
func (m *memory) compare(k Key, val []byte, now time.Time) (end time.Time, ok bool) {
	n := m.find(k)
	if n == 0 || int(m.field(n, headLen)) != len(val) || !bytes.Equal(m.blocks.read(n, headSize, len(val)), val) {
		return time.Time{}, false
	}
	end = m.end(n)
	return end, end.After(now)
}

// insert is put for who holds the lock.
func (m *memory) insert(k Key, e Entry) {
	need := needed(len(e.Val), headSize)
	if n := m.find(k); n != 0 {
		m.drop(n)
	}
	if need > max(m.most/8, 1) {
		return
	}
	t := m.slot(k.tenant)
	if !m.makeRoom(t, need) {
		return
	}
	n := m.blocks.take(need)
	head := m.blocks.at(n)
	binary.LittleEndian.PutUint32(head[headTenant:], t)
	binary.LittleEndian.PutUint32(head[headLen:], uint32(len(e.Val)))
	binary.LittleEndian.PutUint64(head[headExpires:], uint64(e.Expires.UnixMilli()))
	copy(head[headSum:], k.sum[:])
	m.blocks.write(n, headSize, e.Val)
	at := m.bucket(k.sum[:])
	m.set(n, headChain, binary.LittleEndian.Uint32(at))
	binary.LittleEndian.PutUint32(at, n)
	m.list(n, t)
	m.tenants[t].blocks += need
	m.used += need
	m.entries++
}

// roomy reports that neither a tenant nor all together fill over half of what
// they may with a value of so many bytes more.
func (m *memory) roomy(t tenbit.TenantID, size int) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	need, own := needed(size, headSize), int64(0)
	if slot, ok := m.slots[t]; ok {
		own = m.tenants[slot].blocks
	}
	return 2*(own+need) <= m.most && 2*(m.used+need) <= m.used+m.blocks.left
}

func (m *memory) remove(k Key) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if n := m.find(k); n != 0 {
		m.drop(n)
	}
}

// makeRoom evicts until the tenant may take so many blocks and they are free.
// It fails where only those who hold less could make room.
func (m *memory) makeRoom(t uint32, need int64) bool {
	for m.tenants[t].blocks+need > m.most {
		m.evict(t)
	}
	for m.blocks.left < need {
		v := m.victim(t, need)
		if m.tenants[v].blocks == 0 {
			return false
		}
		m.evict(v)
	}
	return true
}

// victim is the tenant whose oldest entry goes so that tenant t can have more:
// whoever holds most, t with what it is to get. So nobody who holds no more
// than an equal share loses anything to others.
func (m *memory) victim(t uint32, need int64) uint32 {
	most := t
	for i := range m.tenants {
		held := m.tenants[most].blocks
		if most == t {
			held += need
		}
		if m.tenants[i].blocks > held {
			most = uint32(i)
		}
	}
	return most
}

func (m *memory) evict(t uint32) {
	m.drop(m.tenants[t].oldest)
	m.evicted++
}

// slot is a tenant's place in tenants. There are as many as operators ever
// made; they stay.
func (m *memory) slot(id tenbit.TenantID) uint32 {
	t, ok := m.slots[id]
	if !ok {
		t = uint32(len(m.tenants))
		m.tenants = append(m.tenants, held{})
		m.slots[id] = t
	}
	return t
}

func (m *memory) usage() Usage {
	m.mu.Lock()
	defer m.mu.Unlock()
	return Usage{Entries: m.entries, Bytes: m.used * blockSize, Evicted: m.evicted}
}

// find is an entry's first block, 0 where there is none. The tenant is compared
// for its own sake, beside the sum that has it in.
func (m *memory) find(k Key) uint32 {
	t, ok := m.slots[k.tenant]
	if !ok {
		return 0
	}
	n := binary.LittleEndian.Uint32(m.bucket(k.sum[:]))
	for n != 0 && !(m.field(n, headTenant) == t && bytes.Equal(m.blocks.at(n)[headSum:headSize], k.sum[:])) {
		n = m.field(n, headChain)
	}
	return n
}

// end is when an entry ends.
func (m *memory) end(n uint32) time.Time {
	return time.UnixMilli(int64(binary.LittleEndian.Uint64(m.blocks.at(n)[headExpires:])))
}

// drop forgets an entry by its first block.
func (m *memory) drop(n uint32) {
	at := m.bucket(m.blocks.at(n)[headSum:headSize])
	before := binary.LittleEndian.Uint32(at)
	if before == n {
		binary.LittleEndian.PutUint32(at, m.field(n, headChain))
	} else {
		for m.field(before, headChain) != n {
			before = m.field(before, headChain)
		}
		m.set(before, headChain, m.field(n, headChain))
	}
	m.unlist(n)
	t := m.field(n, headTenant)
	given := m.blocks.give(n)
	m.tenants[t].blocks -= given
	m.used -= given
	m.entries--
}

// list makes an entry its tenant's newest.
func (m *memory) list(n, t uint32) {
	h := &m.tenants[t]
	m.set(n, headNewer, 0)
	m.set(n, headOlder, h.newest)
	if h.newest != 0 {
		m.set(h.newest, headNewer, n)
	} else {
		h.oldest = n
	}
	h.newest = n
}

// unlist takes an entry out of its tenant's list.
func (m *memory) unlist(n uint32) {
	h := &m.tenants[m.field(n, headTenant)]
	newer, older := m.field(n, headNewer), m.field(n, headOlder)
	if newer != 0 {
		m.set(newer, headOlder, older)
	} else {
		h.newest = older
	}
	if older != 0 {
		m.set(older, headNewer, newer)
	} else {
		h.oldest = newer
	}
}

// bucket is a sum's place in the table.
func (m *memory) bucket(sum []byte) []byte {
	i := int(binary.LittleEndian.Uint32(sum)) & (len(m.table)/tableEntry - 1)
	return m.table[tableEntry*i:][:tableEntry]
}

func (m *memory) field(n uint32, at int) uint32 {
	return binary.LittleEndian.Uint32(m.blocks.at(n)[at:])
}

func (m *memory) set(n uint32, at int, v uint32) {
	binary.LittleEndian.PutUint32(m.blocks.at(n)[at:], v)
}
