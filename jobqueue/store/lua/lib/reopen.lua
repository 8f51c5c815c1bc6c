--[[ If a gate is open, lets the first of the lanes that wait for it into the ring. When that one is served it lets in the
next, so that a gate with a hundred thousand lanes behind it costs no more than one.
@uses gated closed meta ring ]]
--@include digits
--@include opening
--@include wake_at
local function reopen(key, gate, known, micro)
  local first = redis.call('ZRANGEBYLEX', key.gated, '[' .. gate .. '|', '(' .. gate .. '}', 'LIMIT', 0, 1)[1]
  if not first then
    return
  end
  local open, at = opening(key, gate, known, micro)
  if not open then
    if at then
      wake_at(key, gate, at)
    end
    return
  end
  local pass, lane = string.match(first, '|(%d+)|(.*)$')
  redis.call('ZREM', key.gated, first)
  redis.call('HDEL', key.closed, lane)
  pass = math.max(tonumber(pass), tonumber(redis.call('HGET', key.meta, 'turn') or 0))
  redis.call('ZADD', key.ring, digits(pass), lane)
end
