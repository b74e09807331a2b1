-- One step of the ledger, atomic in Redis, by the server's clock.
-- KEYS[1] accounts: s|account = "bits,escalations,up,money" spent ever;
--         w|account|unit|per = "slot:used".
-- KEYS[2] holds: id = "o expires accounts amounts slots" (open) or "s expires" (settled).
-- KEYS[3] ends: holds by when they expire (open) or are forgotten (settled).
-- KEYS[4] journal: a stream; e = the entry's line, as entry.go has it.
-- KEYS[5] meta: clock, frozen (no reservation until), since (where the journal begins).
-- KEYS[6] opening: s|account, what left the journal.
-- ARGV: op, id, newest entry that the caller was told of ("ID HOLD"), hold time, time that
-- the journal keeps entries (both ms), bits, escalations, up, money, then for each
-- account: name, number of windows, and unit, per (ms), limit of each, no two of
-- one unit and length. All numbers stay under 2^53.
-- Answer: {status, number, time (ms), newest entry written, detail}.
--
-- A call of Redis is what takes time here, so a step makes as few as it can, and
-- what can wait (see tidy) is done ten times a second.
local ACC, HOLDS, ENDS, LOG, META, OPEN = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6]
local call, format, match, gmatch, floor = redis.call, string.format, string.match, string.gmatch, math.floor
local op, id, last = ARGV[1], ARGV[2], ARGV[3]
local holdfor, keep = tonumber(ARGV[4]), tonumber(ARGV[5])
local want = {tonumber(ARGV[6]), tonumber(ARGV[7]), tonumber(ARGV[8]), tonumber(ARGV[9])}
local function int(n) return format('%d', n) end
local function four(a) return format('%d,%d,%d,%d', a[1], a[2], a[3], a[4]) end
local function amount(s)
  local a, b, c, d = match(s or '', '^(%d+),(%d+),(%d+),(%d+)$')
  return {tonumber(a or 0), tonumber(b or 0), tonumber(c or 0), tonumber(d or 0)}
end
local function list(s)
  local out = {}
  for part in gmatch(s, '[^,]+') do out[#out + 1] = part end
  return out
end
local t = call('TIME')
local now = t[1] * 1000 + floor(t[2] / 1000)
local meta = call('HMGET', META, 'clock', 'frozen')
local clock, frozen = tonumber(meta[1] or 0), tonumber(meta[2] or 0)
if clock > now then now = clock end -- the clock never runs backwards
local tail = last
local function write(kind, of, rest)
  tail = call('XADD', LOG, '*', 'e', kind .. ' ' .. int(now) .. ' ' .. of .. ' ' .. rest) .. ' ' .. of
end

-- charge spends of a hold and gives the rest back where its slot is still open.
local function charge(kind, hid, accounts, granted, slots, spent)
  local names, fields, backs, ns = list(accounts), {}, {}, {}
  for i, name in ipairs(names) do fields[i] = 's|' .. name end
  local first = #fields
  for i, u, per, n in gmatch(slots, '(%d+)%.(%d+)%.(%d+)%.(%d+)') do
    local back = granted[u + 1] - spent[u + 1]
    if back ~= 0 then
      fields[#fields + 1] = 'w|' .. names[i + 1] .. '|' .. u .. '|' .. per
      backs[#fields], ns[#fields] = back, n
    end
  end
  local values, set = call('HMGET', ACC, unpack(fields)), {}
  for i, f in ipairs(fields) do
    if i <= first then
      local sum = amount(values[i])
      for u = 1, 4 do sum[u] = sum[u] + spent[u] end
      set[#set + 1] = f
      set[#set + 1] = four(sum)
    else
      local n, used = match(values[i] or '', '^(%d+):(%d+)$')
      if n == ns[i] then
        set[#set + 1] = f
        set[#set + 1] = n .. ':' .. int(used - backs[i])
      end
    end
  end
  if #set > 0 then call('HSET', ACC, unpack(set)) end
  write(kind, hid, accounts .. ' ' .. four(spent))
end

-- expire charges an open hold in full.
local function expire(hid, accounts, amounts)
  local all = amount(amounts)
  charge('expire', hid, accounts, all, '', all)
end

-- many bounds the work of one step in tidy: ten thousand holds a second.
local many = 1000

-- sweep charges expired holds and forgets settled ones. What is left for the
-- next step counts all the same: bits are used from the start.
local function sweep()
  local due = call('ZRANGEBYSCORE', ENDS, '-inf', int(now), 'LIMIT', 0, many)
  if #due == 0 then return end
  for i, h in ipairs(call('HMGET', HOLDS, unpack(due))) do
    local accounts, amounts = match(h or '', '^o %d+ (%S+) (%S+)')
    if accounts then expire(due[i], accounts, amounts) end
  end
  call('HDEL', HOLDS, unpack(due))
  call('ZREM', ENDS, unpack(due))
end

-- trim sums up entries that are too old.
local function trim()
  local old, sums = call('XRANGE', LOG, '-', int(math.max(now - keep, 0)), 'COUNT', many), {}
  if #old == 0 then return end
  local since
  for _, e in ipairs(old) do
    local kind, at, accounts, amounts = match(e[2][2], '^(%a+) (%d+) %S+ (%S+) (%S+)')
    since = at
    if kind == 'settle' or kind == 'expire' then
      local spent = amount(amounts)
      for name in gmatch(accounts, '[^,]+') do
        local sum = sums[name] or amount(call('HGET', OPEN, 's|' .. name))
        for u = 1, 4 do sum[u] = sum[u] + spent[u] end
        sums[name] = sum
      end
    end
  end
  for name, sum in pairs(sums) do call('HSET', OPEN, 's|' .. name, four(sum)) end
  local ms, seq = match(old[#old][1], '^(%d+)%-(%d+)$')
  call('XTRIM', LOG, 'MINID', ms .. '-' .. int(seq + 1))
  call('HSET', META, 'since', since)
end

if op == 'check' or op ~= 'left' and now >= clock + 100 then -- tidy
  sweep()
  trim()
  call('HSET', META, 'clock', int(now)) -- shows, too, that the server can be written
end

-- The windows, read in one call. A slot that has ended never opens again.
local accounts, fields, at = {}, {}, 10
while ARGV[at] do
  local a = {name = ARGV[at], windows = {}}
  local n = tonumber(ARGV[at + 1])
  for w = 1, n do
    local i = at + 3 * w - 1
    fields[#fields + 1] = 'w|' .. a.name .. '|' .. ARGV[i] .. '|' .. ARGV[i + 1]
    a.windows[w] = {unit = tonumber(ARGV[i]), per = tonumber(ARGV[i + 1]), limit = tonumber(ARGV[i + 2])}
  end
  at = at + 2 + 3 * n
  accounts[#accounts + 1] = a
end
local left, refill, short = 2 ^ 50, 0, nil
if #fields > 0 then
  local values, v = call('HMGET', ACC, unpack(fields)), 0
  for _, a in ipairs(accounts) do
    for _, w in ipairs(a.windows) do
      v = v + 1
      local n, used = match(values[v] or '', '^(%d+):(%d+)$')
      w.n, w.used = floor(now / w.per), 0
      n = tonumber(n or -1)
      if n >= w.n then w.n, w.used = n, tonumber(used) end
      if w.unit == 0 then
        a.bits = true
        if w.limit - w.used < left then left = w.limit - w.used end
        local ends = (w.n + 1) * w.per
        if refill == 0 or ends < refill then refill = ends end
      elseif not short and w.limit - w.used < want[w.unit + 1] then
        short = int(w.unit) .. ' ' .. a.name
      end
    end
  end
end
if short or #accounts > 0 and not accounts[1].bits or left < 0 then left = 0 end
if op == 'left' then return {'ok', int(left), int(refill), '', ''} end

-- Has this server lost what it acknowledged? Then nobody reserves until every
-- hold that may be lost with it has run out. Settling needs no answer: a hold that
-- is lost is not found.
local function intact()
  local at, of = match(last, '^(%S+) (%S+)$')
  if not at then return true end
  local e = call('XRANGE', LOG, at, at)[1]
  if e then return string.find(e[2][2], ' ' .. of .. ' ', 1, true) ~= nil end
  local since = tonumber(call('HGET', META, 'since') or 0)
  return tonumber(match(at, '^(%d+)')) <= since -- trimmed, not lost
end
if (op == 'reserve' or op == 'check') and not intact() then
  frozen = now + holdfor
  call('HSET', META, 'frozen', int(frozen))
  write('lost', '-', '- 0,0,0,0 - ' .. int(frozen))
end
if op == 'check' then
  return {frozen > now and 'frozen' or 'ok', '0', int(frozen), tail, ''}
end

local state, ends, who, amounts, slots
if op ~= 'reset' then
  local held = call('HGET', HOLDS, id)
  if held then state, ends, who, amounts, slots = match(held, '^(%a) (%d+) ?(%S*) ?(%S*) ?(%S*)$') end
  if state == 'o' and tonumber(ends) <= now then -- before the sweep came to it
    expire(id, who, amounts)
    call('HDEL', HOLDS, id)
    call('ZREM', ENDS, id)
    state = nil
  end
end

if op == 'reserve' then
  if state == 's' then return {'settled', '0', '0', tail, ''} end
  if state == 'o' then return {'ok', match(amounts, '^%d+'), ends, tail, ''} end
  if frozen > now then return {'frozen', '0', int(frozen), tail, ''} end
  if want[1] > left then want[1] = left end
  if want[1] <= 0 then return {'over', '0', int(refill), tail, short or ''} end
  local set, where, names = {}, {}, {}
  for n, a in ipairs(accounts) do
    names[n] = a.name
    for _, w in ipairs(a.windows) do
      local v = #where + 1
      set[2 * v - 1], set[2 * v] = fields[v], format('%d:%d', w.n, w.used + want[w.unit + 1])
      where[v] = format('%d.%d.%d.%d', n - 1, w.unit, w.per, w.n)
    end
  end
  local till = int(now + holdfor)
  local rest = table.concat(names, ',') .. ' ' .. four(want) .. ' ' .. table.concat(where, ',')
  call('HSET', ACC, unpack(set))
  call('HSET', HOLDS, id, 'o ' .. till .. ' ' .. rest)
  call('ZADD', ENDS, till, id)
  write('reserve', id, rest .. ' ' .. till)
  return {'ok', int(want[1]), till, tail, ''}
end

if op == 'settle' or op == 'release' then
  if state == 's' then return {'ok', '0', '0', tail, ''} end
  if state ~= 'o' then
    if op == 'settle' then return {'expired', '0', '0', tail, ''} end
    -- A release may overtake its reservation, which must not come after it.
    local till = int(now + holdfor)
    call('HSET', HOLDS, id, 's ' .. till)
    call('ZADD', ENDS, till, id)
    return {'ok', '0', '0', tail, ''}
  end
  local granted, spent = amount(amounts), {}
  for u = 1, 4 do
    spent[u] = math.max(want[u], 0)
    if u <= 2 then spent[u] = math.min(spent[u], granted[u]) end
  end
  charge('settle', id, who, granted, slots, spent)
  call('HSET', HOLDS, id, 's ' .. ends) -- known, and refused, until it would have expired
  return {want[1] > granted[1] and 'excess' or 'ok', int(spent[1]), '0', tail, ''}
end

-- reset: the windows of the accounts begin anew; holds under way no longer
-- count in them.
local clear, gone, names = {}, {}, {}
for _, a in ipairs(accounts) do clear[a.name], names[#names + 1] = true, a.name end
for _, f in ipairs(call('HKEYS', ACC)) do
  local name = match(f, '^w|([^|]*)|')
  if name and clear[name] then gone[#gone + 1] = f end
end
for _, f in ipairs(gone) do call('HDEL', ACC, f) end
local all = call('HGETALL', HOLDS)
for n = 1, #all, 2 do
  local head, accs, amount4, places = match(all[n + 1], '^(o %d+) (%S+) (%S+) (%S+)$')
  if head then
    local of, rest = list(accs), {}
    for p in gmatch(places, '[^,]+') do
      local i = match(p, '^(%d+)%.')
      if i and not clear[of[i + 1]] then rest[#rest + 1] = p end
    end
    local kept = #rest > 0 and table.concat(rest, ',') or '-'
    call('HSET', HOLDS, all[n], head .. ' ' .. accs .. ' ' .. amount4 .. ' ' .. kept)
  end
end
write('reset', '-', table.concat(names, ',') .. ' 0,0,0,0')
return {'ok', '0', '0', tail, ''}
