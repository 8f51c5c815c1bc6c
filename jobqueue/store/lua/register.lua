--[[ Enter a worker into the registry, before its first BLMOVE.

@key workers zset
@key worker_info hash
@key tombstones zset
@arg worker str
@arg lease int milliseconds
@arg info str JSON
@flags allow-oom
@repeat safe
@returns 1, or 0 if the id belonged to a worker that has died: ids are not used again ]]
--@include clock
--@include digits
local ms = clock(now)
if redis.call('ZSCORE', key.tombstones, worker) then
  return 0
end
redis.call('ZADD', key.workers, digits(ms + lease), worker)
redis.call('HSET', key.worker_info, worker, info)
return 1
