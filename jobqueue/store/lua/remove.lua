--[[ Delete a job and all that is kept of it, unless it is running.

@key expiring zset
@key waiters set
@key finished channel
@key completed zset
@key failed zset
@key cancelled zset
@arg id str
@flags allow-oom
@repeat safe
@returns the state in which the job was found, or missing ]]
--@include clock
--@include state_of
--@include withdraw
--@include let_go
--@include forget
--@include pass_on
--@include happened
--@include emit
local ms = clock(now)
local state = state_of(key, id)
if state == 'missing' or state == 'active' then
  return state
end
if state == 'waiting' or state == 'delayed' or state == 'blocked' then
  withdraw(key, id, state)
  let_go(key, {id})
else
  redis.call('ZREM', key[state], id)
  redis.call('ZREM', key.expiring, id)
end
forget(key, {id})
happened(key, 'removed', {id})
if redis.call('SREM', key.waiters, id) == 1 then
  redis.call('PUBLISH', key.finished .. ':' .. id, '')
end
pass_on(key, 100, ms)
emit(key, ms)
return state
