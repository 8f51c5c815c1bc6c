--[[ Takes a lane out of the ring until a gate opens that it needs. It keeps its place among those that wait for it.
@uses ring closed gated ]]
--@include wake_at
local function close(key, lane, pass, gate, at)
  local place = gate .. '|' .. string.format('%016.0f', pass)
  redis.call('ZREM', key.ring, lane)
  redis.call('HSET', key.closed, lane, place)
  redis.call('ZADD', key.gated, 0, place .. '|' .. lane)
  if at then
    wake_at(key, gate, at)
  end
end
