package config

// minCache is the smallest cache that is of use, in bytes.
const minCache = 64 << 10

func (p *problems) cache(c Cache, r Responses) {
	p.memory("cache.bytes", c.Bytes)
	if c.TenantBytes != 0 && (c.TenantBytes < minCache || c.TenantBytes > c.Bytes) {
		p.add("cache.tenant_bytes", "%d is neither 0 nor between %d and cache.bytes", c.TenantBytes, minCache)
	}
	if c.TTL <= 0 {
		p.add("cache.ttl", "must be positive")
	}
	if !(c.Jitter >= 0 && c.Jitter <= 0.9) {
		p.add("cache.jitter", "%v is not between 0 and 0.9", c.Jitter)
	}
	if c.Redis.Addr != "" {
		p.redis("cache.redis", c.Redis)
	}
	p.memory("responses.bytes", r.Bytes)
	if r.TTL <= 0 {
		p.add("responses.ttl", "must be positive")
	}
}

func (p *problems) memory(key string, bytes int64) {
	if bytes != 0 && (bytes < minCache || bytes > 256<<30) {
		p.add(key, "%d is neither 0 nor between %d and %d", bytes, minCache, int64(256<<30))
	}
}
