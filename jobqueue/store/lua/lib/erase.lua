--[[ Deletes a job and all that is kept of it, unless it is running. If `only` names a state, a job in another stays.
@uses expiring waiters finished completed failed cancelled
@returns the state in which the job was found, or missing ]]
--@include state_of
--@include withdraw
--@include let_go
--@include forget
--@include unindex_errors
--@include happened
local function erase(key, id, only)
  local state = state_of(key, id)
  if state == 'missing' or state == 'active' or only and state ~= only then
    return state
  end
  if state == 'waiting' or state == 'delayed' or state == 'blocked' then
    withdraw(key, id, state)
    let_go(key, {id})
  else
    if state == 'failed' then
      unindex_errors(key, {id})
    end
    redis.call('ZREM', key[state], id)
    redis.call('ZREM', key.expiring, id)
  end
  forget(key, {id})
  happened(key, 'removed', {id})
  if redis.call('SREM', key.waiters, id) == 1 then
    redis.call('PUBLISH', key.finished .. ':' .. id, '')
  end
  return state
end
