--[[ Renew the lease of a worker. A lease that ran out is renewed too, as long as nobody has begun to reap the worker:
after an outage of the server the living go on with what they hold.
It shows here too if the server has lost its latest writes; see lib/claim_for.lua.

@key workers zset
@key cancelling hash
@key orders hash
@arg worker str
@arg lease int milliseconds
@arg answered int see claim.lua
@flags allow-oom
@repeat safe
@returns {1 if the lease is live, 0 if not, 2 if it is and the server has forgotten an answer, what the worker is told to do or empty, ids of active jobs that were asked to stop and why: id, reason, ...} ]]
--@include clock
--@include digits
--@include remembered
local ms = clock(now)
local score = tonumber(redis.call('ZSCORE', key.workers, worker) or -1)
if score < 0 then
  return {0, ''}
end
redis.call('ZADD', key.workers, digits(ms + lease), worker)
local reply = {remembered(key, worker, '').last < answered and 2 or 1, redis.call('HGET', key.orders, worker) or ''}
for _, text in ipairs(redis.call('HGETALL', key.cancelling)) do
  reply[#reply + 1] = text
end
return reply
