--[[ Tell a worker to take no more jobs, to stop or to restart. It hears of it with its next heartbeat at the latest.

@key workers zset
@key orders hash
@key control channel
@arg worker str
@arg verb str quiet, stop or restart
@flags allow-oom
@repeat safe
@returns 1, or 0 if there is no such worker ]]
--@include clock
local ms = clock(now)
if tonumber(redis.call('ZSCORE', key.workers, worker) or 0) <= ms then
  return 0
end
redis.call('HSET', key.orders, worker, verb)
redis.call('PUBLISH', key.control, 'order')
return 1
