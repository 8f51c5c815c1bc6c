--[[ Renew the lease of a worker. A lease that ran out is renewed too, as long as nobody has begun to reap the worker:
after an outage of the server the living go on with what they hold.
A server that lost its latest writes, in a power cut or a failover, may take jobs for active that the worker has long
settled, or was never given. It shows in an older request being the last one known: then the worker must not go on.

@key workers zset
@key cancelling hash
@key orders hash
@key claims hash
@arg worker str
@arg lease int milliseconds
@arg answered int the last request to which the worker has an answer; 0 if there is none
@flags allow-oom
@repeat safe
@returns {1 if the lease is live, 0 if not, 2 if the server has forgotten that answer, what the worker is told to do or empty, ids of active jobs that were asked to stop and why: id, reason, ...} ]]
--@include clock
--@include digits
local ms = clock(now)
local score = tonumber(redis.call('ZSCORE', key.workers, worker) or -1)
if score < 0 then
  return {0, ''}
end
if answered > 0 then
  local memory = redis.call('HGET', key.claims, worker) or '0'
  if tonumber(string.match(memory, '^%S+')) < answered then
    return {2, ''}
  end
end
redis.call('ZADD', key.workers, digits(ms + lease), worker)
local reply = {1, redis.call('HGET', key.orders, worker) or ''}
for _, text in ipairs(redis.call('HGETALL', key.cancelling)) do
  reply[#reply + 1] = text
end
return reply
