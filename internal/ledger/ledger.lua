-- One step of the ledger, atomic in Redis, by the server's clock.
-- KEYS[1] account: spent, and u<per> = "slot:bits" for each window length (ms).
-- KEYS[2] holds: id = "granted:expires:settled:per=slot,per=slot".
-- ARGV: op, id, bits, hold time (ms), then per (ms) and limit for each window.
-- All numbers stay under 2^53. Answer: {status, bits, refill (ms)}.
local op, id, bits, keep = ARGV[1], ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])
local t = redis.call('TIME')
local now = tonumber(t[1]) * 1000 + math.floor(tonumber(t[2]) / 1000)
local function int(n) return string.format('%.0f', n) end
local function used(per)
  local s, b = string.match(redis.call('HGET', KEYS[1], 'u' .. int(per)) or '', '^(%d+):(%d+)$')
  return tonumber(s or -1), tonumber(b or 0)
end
local function parse(h)
  local g, e, s, w = string.match(h, '^(%d+):(%d+):(%d):(.*)$')
  return tonumber(g), tonumber(e), s == '1', w
end

local all = redis.call('HGETALL', KEYS[2])
for i = 1, #all, 2 do
  local granted, expires, settled = parse(all[i + 1])
  if expires <= now then
    if not settled then redis.call('HINCRBY', KEYS[1], 'spent', int(granted)) end
    redis.call('HDEL', KEYS[2], all[i])
  end
end

local left, refill = 0, 0
for i = 5, #ARGV, 2 do
  local per, limit = tonumber(ARGV[i]), tonumber(ARGV[i + 1])
  local n = math.floor(now / per)
  local s, b = used(per)
  if s ~= n then b = 0 end
  if i == 5 or limit - b < left then left = limit - b end
  if i == 5 or (n + 1) * per < refill then refill = (n + 1) * per end
end
if left < 0 then left = 0 end

if op == 'left' then return {'ok', int(left), int(refill)} end
if op == 'spent' then return {'ok', redis.call('HGET', KEYS[1], 'spent') or '0', '0'} end

local held = redis.call('HGET', KEYS[2], id)
if op == 'reserve' then
  if held then
    local granted, expires = parse(held)
    return {'ok', int(granted), int(expires)}
  end
  local grant = math.min(bits, left)
  if grant <= 0 then return {'over', '0', '0'} end
  local where, seen = {}, {}
  for i = 5, #ARGV, 2 do
    local per = tonumber(ARGV[i])
    if not seen[per] then
      seen[per] = true
      local n = math.floor(now / per)
      local s, b = used(per)
      if s ~= n then b = 0 end
      redis.call('HSET', KEYS[1], 'u' .. int(per), int(n) .. ':' .. int(b + grant))
      where[#where + 1] = int(per) .. '=' .. int(n)
    end
  end
  redis.call('HSET', KEYS[2], id, int(grant) .. ':' .. int(now + keep) .. ':0:' .. table.concat(where, ','))
  return {'ok', int(grant), int(now + keep)}
end

if not held then return {'expired', '0', '0'} end
local granted, _, settled, where = parse(held)
if settled then return {'ok', '0', '0'} end
local charged = math.min(math.max(bits, 0), granted)
for per, n in string.gmatch(where, '(%d+)=(%d+)') do
  local s, b = used(tonumber(per))
  if s == tonumber(n) then
    redis.call('HSET', KEYS[1], 'u' .. per, n .. ':' .. int(b - (granted - charged)))
  end
end
redis.call('HINCRBY', KEYS[1], 'spent', int(charged))
redis.call('HSET', KEYS[2], id, int(granted) .. ':' .. int(now + keep) .. ':1:' .. where)
if bits > granted then return {'excess', int(charged), '0'} end
return {'ok', int(charged), '0'}
