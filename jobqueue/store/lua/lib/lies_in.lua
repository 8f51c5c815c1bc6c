--[[ Where a job lies, the strongest place first: everywhere but in the line, where an id cannot be looked up.
@uses active completed failed cancelled blocked delayed parked places backlog
@returns names of structures ]]
local function lies_in(key, id)
  local found = {}
  if redis.call('HEXISTS', key.active, id) == 1 then
    found[1] = 'active'
  end
  if redis.call('ZSCORE', key.completed, id) then
    found[#found + 1] = 'completed'
  end
  if redis.call('ZSCORE', key.failed, id) then
    found[#found + 1] = 'failed'
  end
  if redis.call('ZSCORE', key.cancelled, id) then
    found[#found + 1] = 'cancelled'
  end
  if redis.call('ZSCORE', key.blocked, id) then
    found[#found + 1] = 'blocked'
  end
  if redis.call('ZSCORE', key.delayed, id) then
    found[#found + 1] = 'delayed'
  end
  if redis.call('HEXISTS', key.parked, id) == 1 then
    found[#found + 1] = 'parked'
  end
  local place = redis.call('HGET', key.places, id)
  if place and found[1] ~= 'active' and redis.call('ZSCORE', key.backlog, place .. '|' .. id) then
    found[#found + 1] = 'backlog'
  end
  return found
end
