--[[ Let the jobs of a queue start again, and wake the workers that wait for them.

@key meta hash
@key held list
@key wait list
@flags allow-oom
@repeat safe
@returns 1 if it was paused before, 0 if it was running already ]]
--@include clock
--@include bell
local _, micro = clock(now)
if redis.call('HDEL', key.meta, 'paused') == 0 then
  return 0
end
if redis.call('EXISTS', key.held) == 1 and redis.call('HEXISTS', key.meta, 'limited') == 0 then
  redis.call('RENAME', key.held, key.wait)
end
bell(key, micro)
return 1
