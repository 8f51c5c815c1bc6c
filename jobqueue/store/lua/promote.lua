--[[ Do what is due, some at a time: delayed jobs may start, those that did not start in time have expired, gates open.

@key delayed zset
@key deadlines zset
@key resting zset
@key throttled zset
@key dedup hash
@key pace zset
@key stagings zset
@key outbox list
@key control channel
@key gated zset
@arg limit int
@flags allow-oom
@repeat safe
@returns {how many were promoted, milliseconds until the next is due: 0 if some are due still, -1 if there is none} ]]
--@include clock
--@include digits
--@include admit
--@include state_of
--@include withdraw
--@include expire
--@include reopen
--@include wake_at
--@include loosen_line
--@include bell
--@include happened
--@include emit
local ms, micro = clock(now)
if redis.call('EXISTS', key.delayed, key.deadlines, key.resting, key.throttled, key.pace, key.stagings) == 0 then
  bell(key, micro)
  emit(key, ms)
  return {0, -1}
end
local function due(name)
  return redis.call('ZRANGEBYSCORE', name, '-inf', digits(ms), 'LIMIT', 0, limit)
end

local ids = due(key.delayed)
if #ids > 0 then
  redis.call('ZREM', key.delayed, unpack(ids))
  happened(key, 'waiting', ids)
  admit(key, ids)
end

local late = {}
for _, id in ipairs(due(key.deadlines)) do
  local state = state_of(key, id)
  redis.call('ZREM', key.deadlines, id)
  if state == 'waiting' or state == 'delayed' or state == 'blocked' then
    withdraw(key, id, state)
    late[#late + 1] = id
  end
end
expire(key, late, ms)

for _, gate in ipairs(due(key.resting)) do
  redis.call('ZREM', key.resting, gate)
  if gate == 'queue' then
    loosen_line(key, micro)
  elseif string.sub(gate, 1, 4) == 'keys' then
    -- The limits of each key have changed: all gates of keys are looked at, some at a time.
    local from = #gate > 4 and '(' .. string.sub(gate, 6) or '[key:'
    local places = redis.call('ZRANGEBYLEX', key.gated, from, '(key;', 'LIMIT', 0, limit)
    for _, place in ipairs(places) do
      reopen(key, string.match(place, '^([^|]*)|'), {}, micro)
    end
    if #places == limit then
      wake_at(key, 'keys|' .. places[#places], ms)
    end
  else
    reopen(key, gate, {}, micro)
  end
end
for _, name in ipairs(due(key.throttled)) do
  redis.call('ZREM', key.throttled, name)
  local _, mode, last = string.match(redis.call('HGET', key.dedup, name) or '', '^(%S+) (%S+) (%S+)')
  if string.sub(name, 1, 1) == '=' or mode == 'throttle' and tonumber(last) <= ms then
    redis.call('HDEL', key.dedup, name)
  end
end
local over = redis.call('ZRANGEBYSCORE', key.pace, '-inf', digits(micro), 'LIMIT', 0, limit)
if #over > 0 then
  redis.call('ZREM', key.pace, unpack(over))
end
for _, flow in ipairs(due(key.stagings)) do
  redis.call('ZREM', key.stagings, flow)
  redis.call('RPUSH', key.outbox, 'discard ' .. flow)
  redis.call('PUBLISH', key.control, 'relay')
end
bell(key, micro)
emit(key, ms)

local next
for _, name in ipairs({'delayed', 'deadlines', 'resting', 'throttled', 'stagings'}) do
  local first = redis.call('ZRANGE', key[name], 0, 0, 'WITHSCORES')
  if first[2] and (not next or tonumber(first[2]) < next) then
    next = tonumber(first[2])
  end
end
return {#ids, next and math.max(0, next - ms) or -1}
