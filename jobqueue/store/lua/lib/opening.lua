--[[ Whether a gate lets one more job start: the predicate of all limits.
A rate is kept by the generic cell rate algorithm: `pace` has for each gate the time at which it would be due again if
all that was let through had kept the rate, and a burst may be ahead of it. https://en.wikipedia.org/wiki/Generic_cell_rate_algorithm
@uses active slots pace
@returns true; or false, in milliseconds the time at which to ask again, if that is known, and what closes it: `paused`,
  `concurrency` or `rate` ]]
--@include limits_of
local function opening(key, gate, known, micro)
  local limits = limits_of(key, gate, known)
  if limits.paused then
    return false, nil, 'paused'
  end
  if limits.concurrency then
    local busy = gate == 'queue' and redis.call('HLEN', key.active)
      or redis.call('ZLEXCOUNT', key.slots, '[' .. gate .. '|', '(' .. gate .. '}')
    if busy >= limits.concurrency then
      return false, nil, 'concurrency'
    end
  end
  local due = tonumber(redis.call('ZSCORE', key.pace, gate) or 0) - (limits.burst - 1) * (limits.interval or 0)
  if due > micro then
    return false, math.ceil(due / 1000), 'rate'
  end
  return true
end
