--[[ Delete a job and all that is kept of it, unless it is running.

@key jobs hash
@key active hash
@key delayed zset
@key outcomes hash
@key completed zset
@key failed zset
@key cancelled zset
@key parked hash
@key parking zset
@key ghosts set
@key attempts hash
@key progress hash
@key logs hash
@key expiring zset
@key waiters set
@key finished channel
@arg id str
@flags allow-oom
@repeat safe
@returns the state in which the job was found, or missing ]]
--@include state_of
--@include withdraw
--@include forget
local state = state_of(key, id)
if state == 'missing' or state == 'active' then
  return state
end
if state == 'waiting' or state == 'delayed' then
  withdraw(key, id, state)
else
  redis.call('ZREM', key[state], id)
  redis.call('ZREM', key.expiring, id)
end
forget(key, {id})
if redis.call('SREM', key.waiters, id) == 1 then
  redis.call('PUBLISH', key.finished .. ':' .. id, '')
end
return state
