--[[ Keeps a gate closed until a time, because a job was told to slow down.
@uses pace tasks ]]
--@include digits
--@include limits_of
--@include wake_at
--@include hold_line
local function hold(key, gate, until_micro, micro)
  local limits = limits_of(key, gate, {})
  local due = until_micro + (limits.burst - 1) * (limits.interval or 0)
  if due > tonumber(redis.call('ZSCORE', key.pace, gate) or 0) then
    redis.call('ZADD', key.pace, digits(due), gate)
  end
  if string.sub(gate, 1, 5) == 'task:' then
    redis.call('SADD', key.tasks, string.sub(gate, 6))
  end
  if gate == 'queue' and until_micro > micro then
    hold_line(key)
    wake_at(key, gate, math.ceil(until_micro / 1000))
  end
end
