--[[ What a gate is limited to. A gate is `queue`, `task:NAME` or `key:KEY`; what a key has not of its own, it has from
`keys`. `known` is a table that remembers the answers during one call.
@uses limits
@returns {paused = , concurrency = , interval = microseconds, burst = , weight = } ]]
local function limits_of(key, gate, known)
  if known[gate] then
    return known[gate]
  end
  if known.none == nil then
    known.none = redis.call('EXISTS', key.limits) == 0
  end
  local found = {burst = 1, weight = 1}
  if not known.none then
    local function read(scope)
      return redis.call('HMGET', key.limits, 'paused ' .. scope, 'concurrency ' .. scope, 'rate ' .. scope, 'weight ' .. scope)
    end
    local own = read(gate)
    local each = string.sub(gate, 1, 4) == 'key:' and read('keys') or {}
    found.paused = own[1] or each[1]
    found.concurrency = tonumber(own[2] or each[2] or nil)
    local rate = own[3] or each[3]
    if rate and rate ~= '-' then
      local interval, burst = string.match(rate, '^(%S+) (%S+)')
      found.interval, found.burst = tonumber(interval), tonumber(burst)
    end
    found.weight = tonumber(own[4] or each[4] or nil) or 1
  end
  known[gate] = found
  return found
end
