--[[ Calls a job off: one that has not begun is cancelled now, one that runs is asked to stop, one that has ended stays.
With `all`, so are the jobs that it waits for. If `only` names a state, a job in another stays.
@uses cancelling control blocking outbox
@returns the state in which the job was found, or missing ]]
--@include record
--@include state_of
--@include withdraw
--@include finish
--@include jot
--@include happened
local function call_off(key, id, reason, all, now, only)
  local state = state_of(key, id)
  if only and state ~= only then
    return state
  end
  if state == 'active' then
    if redis.call('HGET', key.cancelling, id) ~= reason then
      redis.call('HSET', key.cancelling, id, reason)
      happened(key, 'cancelling', {id})
      jot(key, {{id, 'cancelling', reason}}, now)
    end
    redis.call('PUBLISH', key.control, 'cancel ' .. id)
  elseif state == 'waiting' or state == 'delayed' or state == 'blocked' then
    withdraw(key, id, state)
    finish(key, 'cancelled', {{id = id, ttl = -1, record = record('cancelled', nil, now, nil, nil, reason)}}, now)
  end
  if all and redis.call('HEXISTS', key.blocking, id) == 1 then
    redis.call('RPUSH', key.outbox, 'stop ' .. id .. ' ' .. reason)
    redis.call('PUBLISH', key.control, 'relay')
  end
  return state
end
