--[[ Keep the jobs of a queue from starting. Those that run go on.

@key meta hash
@key wait list
@key held list
@flags allow-oom
@repeat safe
@returns 1 if it was running before, 0 if it was paused already ]]
if redis.call('HSETNX', key.meta, 'paused', '1') == 0 then
  return 0
end
if redis.call('LINDEX', key.wait, -1) == '*' then
  redis.call('RPOP', key.wait)
end
if redis.call('EXISTS', key.wait) == 1 then
  redis.call('RENAME', key.wait, key.held)
end
return 1
