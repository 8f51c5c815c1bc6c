--[[ Call a job off. One that has not begun is cancelled now; one that runs is asked to stop; one that has ended stays.

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
@key cancelling hash
@key waiters set
@key finished channel
@key control channel
@arg id str
@arg reason str JSON text
@flags allow-oom
@repeat safe
@returns the state in which the job was found, or missing ]]
--@include clock
--@include record
--@include state_of
--@include withdraw
--@include finish
local ms = clock(now)
local state = state_of(key, id)
if state == 'active' then
  redis.call('HSET', key.cancelling, id, reason)
  redis.call('PUBLISH', key.control, 'cancel ' .. id)
elseif state == 'waiting' or state == 'delayed' then
  withdraw(key, id, state)
  finish(key, 'cancelled', {{id = id, ttl = -1, record = record('cancelled', nil, ms, nil, nil, reason)}}, ms)
end
return state
