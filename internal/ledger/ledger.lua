-- One step of the ledger, atomic in Redis, by the server's clock.
-- KEYS[1] accounts: s|account|unit = spent ever; w|account|unit|per = "slot:used".
-- KEYS[2] holds: id = "state expires accounts amounts slots", state o (open) or s (settled).
-- KEYS[3] ends: holds by when they expire (open) or are forgotten (settled).
-- KEYS[4] journal: a stream; e = the entry's line, as entry.go has it.
-- KEYS[5] meta: clock, frozen (no reservation until), since (where the journal begins).
-- KEYS[6] opening: s|account|unit, what left the journal.
-- ARGV: op, id, last journal id that the caller was told of, hold time, time that
-- settled holds are known, time that the journal keeps entries (all ms), bits,
-- escalations, up, money, then for each account: name, number of windows, and
-- unit, per (ms), limit of each. All numbers stay under 2^53.
-- Answer: {status, number, time (ms), journal id, detail}.
local ACC, HOLDS, ENDS, LOG, META, OPEN = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6]
local op, id, last = ARGV[1], ARGV[2], ARGV[3]
local holdfor, remember, keep = tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6])
local want = {tonumber(ARGV[7]), tonumber(ARGV[8]), tonumber(ARGV[9]), tonumber(ARGV[10])}
local function int(n) return string.format('%.0f', n) end
local function split(s, sep)
  local out = {}
  for part in string.gmatch(s, '[^' .. sep .. ']+') do out[#out + 1] = part end
  return out
end
local t = redis.call('TIME')
local now = tonumber(t[1]) * 1000 + math.floor(tonumber(t[2]) / 1000)
local meta = redis.call('HMGET', META, 'clock', 'frozen')
now = math.max(now, tonumber(meta[1] or 0)) -- the clock never runs backwards
local frozen = tonumber(meta[2] or 0)
local tail = last
local function write(line) tail = redis.call('XADD', LOG, '*', 'e', line) end

-- places turns "account.unit.per.slot,..." into a list.
local function places(slots)
  local out = {}
  if slots == '-' then return out end
  for _, p in ipairs(split(slots, ',')) do
    local f = split(p, '.')
    out[#out + 1] = {tonumber(f[1]) + 1, tonumber(f[2]), f[3], tonumber(f[4])}
  end
  return out
end
local function field(name, unit, per) return 'w|' .. name .. '|' .. unit .. '|' .. per end
local function slot(s)
  local n, b = string.match(s or '', '^(%d+):(%d+)$')
  return tonumber(n or -1), tonumber(b or 0)
end

-- charge spends of a hold and gives the rest back where its slot is still open.
local function charge(kind, hid, accounts, amounts, slots, spent)
  local names, granted, set = split(accounts, ','), split(amounts, ','), {}
  for _, p in ipairs(places(slots)) do
    local f = field(names[p[1]], p[2], p[3])
    local n, b = slot(redis.call('HGET', ACC, f))
    local back = tonumber(granted[p[2] + 1]) - spent[p[2] + 1]
    if n == p[4] and back ~= 0 then
      set[#set + 1] = f
      set[#set + 1] = int(n) .. ':' .. int(b - back)
    end
  end
  if #set > 0 then redis.call('HSET', ACC, unpack(set)) end
  for _, name in ipairs(names) do
    for u = 1, 4 do
      if spent[u] > 0 then redis.call('HINCRBY', ACC, 's|' .. name .. '|' .. (u - 1), int(spent[u])) end
    end
  end
  local line = kind .. ' ' .. int(now) .. ' ' .. hid .. ' ' .. accounts
  write(line .. ' ' .. int(spent[1]) .. ',' .. int(spent[2]) .. ',' .. int(spent[3]) .. ',' .. int(spent[4]))
end

-- A few expired holds are charged in full, a few settled ones forgotten. What
-- is left for the next step counts all the same: bits are used from the start.
for _, hid in ipairs(redis.call('ZRANGEBYSCORE', ENDS, '-inf', int(now), 'LIMIT', 0, 16)) do
  local h = redis.call('HGET', HOLDS, hid)
  if h then
    local f = split(h, ' ')
    if f[1] == 'o' then
      local all = split(f[4], ',')
      charge('expire', hid, f[3], f[4], '-', {tonumber(all[1]), tonumber(all[2]), tonumber(all[3]), tonumber(all[4])})
    end
    redis.call('HDEL', HOLDS, hid)
  end
  redis.call('ZREM', ENDS, hid)
end

-- Entries that are too old are summed up, two for each that is written.
local function trim()
  local old = redis.call('XRANGE', LOG, '-', int(now - keep), 'COUNT', 4)
  for _, e in ipairs(old) do
    local f = split(e[2][2], ' ')
    if f[1] == 'settle' or f[1] == 'expire' then
      local spent = split(f[5], ',')
      for _, name in ipairs(split(f[4], ',')) do
        for u = 1, 4 do
          if spent[u] ~= '0' then redis.call('HINCRBY', OPEN, 's|' .. name .. '|' .. (u - 1), spent[u]) end
        end
      end
    end
    redis.call('XDEL', LOG, e[1])
    redis.call('HSET', META, 'since', f[2])
  end
end

-- The windows, read in one call.
local accounts, i = {}, 11
local fields = {}
while ARGV[i] do
  local a = {name = ARGV[i], windows = {}}
  for w = 1, tonumber(ARGV[i + 1]) do
    local at = i + 3 * w - 1
    local win = {unit = tonumber(ARGV[at]), per = tonumber(ARGV[at + 1]), limit = tonumber(ARGV[at + 2])}
    fields[#fields + 1] = field(a.name, win.unit, int(win.per))
    win.field = fields[#fields]
    a.windows[w] = win
  end
  i = i + 2 + 3 * #a.windows
  accounts[#accounts + 1] = a
end
local left, refill, short = 2 ^ 50, 0, nil
if #fields > 0 then
  local values, v = redis.call('HMGET', ACC, unpack(fields)), 0
  for n, a in ipairs(accounts) do
    for _, w in ipairs(a.windows) do
      v = v + 1
      w.n = math.floor(now / w.per)
      local s, b = slot(values[v])
      w.used = s == w.n and b or 0
      if w.unit == 0 then
        a.bits = true
        if w.limit - w.used < left then left, a.short = w.limit - w.used, true end
        if refill == 0 or (w.n + 1) * w.per < refill then refill = (w.n + 1) * w.per end
      elseif not short and w.limit - w.used < want[w.unit + 1] then
        short = int(w.unit) .. ' ' .. a.name
      end
    end
  end
end
if #accounts > 0 and not accounts[1].bits then left = 0 end
if short then left = 0 end
left = math.max(left, 0)
if op == 'left' then return {'ok', int(left), int(refill), '', ''} end

-- Has this server lost what it acknowledged? Then nobody reserves until every
-- hold that may be lost with it has run out.
local function intact()
  if last == '' or #redis.call('XRANGE', LOG, last, last) > 0 then return true end
  local since = tonumber(redis.call('HGET', META, 'since') or 0)
  return tonumber(string.match(last, '^(%d+)')) <= since -- trimmed, not lost
end
if last ~= '' and not intact() then
  frozen = now + holdfor
  redis.call('HSET', META, 'frozen', int(frozen))
  write('lost ' .. int(now) .. ' - - 0,0,0,0 - ' .. int(frozen))
end
redis.call('HSET', META, 'clock', int(now)) -- shows, too, that the server can be written
if op == 'check' then
  return {frozen > now and 'frozen' or 'ok', '0', int(frozen), tail, ''}
end
local held = redis.call('HGET', HOLDS, id)

if op == 'reserve' then
  if held then
    local f = split(held, ' ')
    if f[1] == 's' then return {'settled', '0', '0', tail, ''} end
    return {'ok', split(f[4], ',')[1], f[2], tail, ''}
  end
  if frozen > now then return {'frozen', '0', int(frozen), tail, ''} end
  local grant = math.min(want[1], left)
  if grant <= 0 then return {'over', '0', int(refill), tail, short or ''} end
  want[1] = grant
  local set, where, names, seen = {}, {}, {}, {}
  for n, a in ipairs(accounts) do
    names[n] = a.name
    for _, w in ipairs(a.windows) do
      if not seen[w.field] then -- two windows of one unit and length share a slot
        seen[w.field] = true
        set[#set + 1] = w.field
        set[#set + 1] = int(w.n) .. ':' .. int(w.used + want[w.unit + 1])
        where[#where + 1] = (n - 1) .. '.' .. int(w.unit) .. '.' .. int(w.per) .. '.' .. int(w.n)
      end
    end
  end
  local who, slots, ends = table.concat(names, ','), table.concat(where, ','), int(now + holdfor)
  local amounts = int(grant) .. ',' .. int(want[2]) .. ',' .. int(want[3]) .. ',' .. int(want[4])
  redis.call('HSET', ACC, unpack(set))
  redis.call('HSET', HOLDS, id, 'o ' .. ends .. ' ' .. who .. ' ' .. amounts .. ' ' .. slots)
  redis.call('ZADD', ENDS, ends, id)
  write('reserve ' .. int(now) .. ' ' .. id .. ' ' .. who .. ' ' .. amounts .. ' ' .. slots .. ' ' .. ends)
  trim()
  return {'ok', int(grant), ends, tail, ''}
end

if op == 'settle' or op == 'release' then
  local ends = int(now + remember)
  if not held then
    if op == 'settle' then return {'expired', '0', '0', tail, ''} end
    -- A release may overtake its reservation, which must not come after it.
    redis.call('HSET', HOLDS, id, 's ' .. ends .. ' - 0,0,0,0 -')
    redis.call('ZADD', ENDS, ends, id)
    return {'ok', '0', '0', tail, ''}
  end
  local f = split(held, ' ')
  if f[1] == 's' then return {'ok', '0', '0', tail, ''} end
  if tonumber(f[2]) <= now then return {'expired', '0', '0', tail, ''} end -- swept by a later step
  local granted, spent = split(f[4], ','), {}
  for u = 1, 4 do
    spent[u] = math.max(want[u], 0)
    if u <= 2 then spent[u] = math.min(spent[u], tonumber(granted[u])) end
  end
  charge('settle', id, f[3], f[4], f[5], spent)
  redis.call('HSET', HOLDS, id, 's ' .. ends .. ' ' .. f[3] .. ' ' .. f[4] .. ' -')
  redis.call('ZADD', ENDS, ends, id)
  trim()
  if want[1] > tonumber(granted[1]) then return {'excess', int(spent[1]), '0', tail, ''} end
  return {'ok', int(spent[1]), '0', tail, ''}
end

-- reset: the windows of the accounts begin anew; holds under way no longer
-- count in them.
local clear, gone, names = {}, {}, {}
for _, a in ipairs(accounts) do clear[a.name], names[#names + 1] = true, a.name end
for _, f in ipairs(redis.call('HKEYS', ACC)) do
  local name = string.match(f, '^w|([^|]*)|')
  if name and clear[name] then gone[#gone + 1] = f end
end
for _, f in ipairs(gone) do redis.call('HDEL', ACC, f) end
local all = redis.call('HGETALL', HOLDS)
for n = 1, #all, 2 do
  local f = split(all[n + 1], ' ')
  if f[1] == 'o' and f[5] ~= '-' then
    local who, rest = split(f[3], ','), {}
    for _, p in ipairs(split(f[5], ',')) do
      if not clear[who[tonumber(string.match(p, '^(%d+)')) + 1]] then rest[#rest + 1] = p end
    end
    f[5] = #rest > 0 and table.concat(rest, ',') or '-'
    redis.call('HSET', HOLDS, all[n], table.concat(f, ' '))
  end
end
write('reset ' .. int(now) .. ' - ' .. table.concat(names, ',') .. ' 0,0,0,0')
return {'ok', '0', '0', tail, ''}
