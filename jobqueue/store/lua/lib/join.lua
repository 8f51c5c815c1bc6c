--[[ Lets a lane take its turn among the others, unless it does or one of its gates is closed.
It comes in where the others are, or later if it has had its turn.
@uses closed ring meta turns ]]
--@include digits
local function join(key, lane)
  if redis.call('HEXISTS', key.closed, lane) == 1 or redis.call('ZSCORE', key.ring, lane) then
    return
  end
  local turn = tonumber(redis.call('HGET', key.meta, 'turn') or 0)
  local pass = math.max(turn, tonumber(redis.call('ZSCORE', key.turns, lane) or 0))
  redis.call('ZREM', key.turns, lane)
  redis.call('ZADD', key.ring, digits(pass), lane)
end
