--[[ Counts a job that starts against the rate of a gate.
@uses pace ]]
--@include digits
--@include limits_of
local function pay(key, gate, known, micro)
  local interval = limits_of(key, gate, known).interval
  if interval then
    local due = math.max(micro, tonumber(redis.call('ZSCORE', key.pace, gate) or 0))
    redis.call('ZADD', key.pace, digits(due + interval), gate)
  end
end
