--[[ Let the jobs of a queue start again, and wake the workers that wait for them.

@key meta hash
@key wait list
@key paused list
@flags allow-oom
@repeat safe
@returns 1 if it was paused before, 0 if it was running already ]]
if redis.call('HDEL', key.meta, 'paused') == 0 then
  return 0
end
if redis.call('EXISTS', key.paused) == 1 then
  redis.call('RENAME', key.paused, key.wait)
end
return 1
