--[[ Has a gate looked at again when its time has come, and wakes the promoters if that is the first to come.
@uses resting control ]]
--@include digits
local function wake_at(key, gate, at)
  local first = redis.call('ZRANGE', key.resting, 0, 0, 'WITHSCORES')
  redis.call('ZADD', key.resting, digits(at), gate)
  if not first[2] or at < tonumber(first[2]) then
    redis.call('PUBLISH', key.control, 'promote')
  end
end
