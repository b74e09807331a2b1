package register

import (
	"bytes"
	"encoding/json"
	"errors"
	"maps"
	"slices"

	"tenbit"
)

// fields are those of a tenant, as JSON. A tenant's record holds the ones that
// operators changed, null for what they took away: the rest goes on to follow the
// configuration, and a tenant that is taken out of it is gone.
type fields map[string]json.RawMessage

// own is the field of a record that says that its tenant never was in the
// configuration.
const own = "Own"

func fieldsOf(t Tenant) (f fields, err error) {
	t.Above = nil // follows from the group
	val, err := json.Marshal(t)
	if err != nil {
		return nil, err
	}
	return f, json.Unmarshal(val, &f)
}

// configured is a tenant as the configuration has it.
func (r *Register) configured(id tenbit.TenantID) (Tenant, bool) {
	i := slices.IndexFunc(r.Tenants, func(t Tenant) bool { return t.ID == id })
	if i < 0 {
		return Tenant{}, false
	}
	return r.Tenants[i], true
}

// patch is the record that makes t of what the configuration says.
func (r *Register) patch(t Tenant) ([]byte, error) {
	base, configured := r.configured(t.ID)
	was, err := fieldsOf(base)
	now, errNow := fieldsOf(t)
	if err := errors.Join(err, errNow); err != nil {
		return nil, err
	}
	if !configured {
		now[own] = json.RawMessage("true")
		return json.Marshal(now)
	}
	for name, before := range was {
		switch val, ok := now[name]; {
		case !ok:
			now[name] = json.RawMessage("null")
		case bytes.Equal(val, before):
			delete(now, name)
		}
	}
	return json.Marshal(now)
}

// patched is a tenant as its record makes it; false: the configuration has it no
// more. What cannot be read disables it: an operator meant something by it.
func (r *Register) patched(id tenbit.TenantID, record []byte) (t Tenant, ok bool) {
	base, configured := r.configured(id)
	all, err := fieldsOf(base)
	var changes fields
	if err = errors.Join(err, json.Unmarshal(record, &changes)); err == nil {
		if !configured && string(changes[own]) != "true" {
			return Tenant{}, false
		}
		maps.Copy(all, changes)
		var val []byte
		if val, err = json.Marshal(all); err == nil {
			err = json.Unmarshal(val, &t)
		}
	}
	if err != nil {
		t = base
		t.Disabled = true
	}
	t.ID = id
	return t, true
}
