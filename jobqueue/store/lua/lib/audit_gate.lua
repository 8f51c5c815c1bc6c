--[[ Finds whether a gate is open and lets in none of the lanes that wait for it. It is asked for the first of them; with
very many lanes in the ring it is not found out, as that would take long.
@uses gated ring resting slots ]]
--@include limits_of
--@include gates_of
local function audit_gate(key, gate, member, seen, found)
  if redis.call('ZRANGEBYLEX', key.gated, '[' .. gate .. '|', '(' .. gate .. '}', 'LIMIT', 0, 1)[1] ~= member then
    return
  end
  if not seen.served then
    seen.served = {}
    seen.busy = redis.call('ZCARD', key.ring) > 1000
    for _, lane in ipairs(redis.call('ZRANGE', key.ring, 0, 999)) do
      for _, passed in ipairs(gates_of(lane)) do
        seen.served[passed] = true
      end
    end
    for _, rests in ipairs(redis.call('ZRANGE', key.resting, 0, 99)) do
      seen.busy = seen.busy or string.sub(rests, 1, 4) == 'keys' -- they are about to be looked at, some at a time
    end
  end
  local limits = limits_of(key, gate, seen.limits)
  local full = limits.concurrency
    and redis.call('ZLEXCOUNT', key.slots, '[' .. gate .. '|', '(' .. gate .. '}') >= limits.concurrency
  if not (limits.paused or full or seen.busy or seen.served[gate] or redis.call('ZSCORE', key.resting, gate)) then
    found[#found + 1] = {'gate', gate, ''}
  end
end
