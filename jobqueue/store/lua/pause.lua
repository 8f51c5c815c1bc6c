--[[ Keep the jobs of a queue from starting. Those that run go on.

@key meta hash
@flags allow-oom
@repeat safe
@returns 1 if it was running before, 0 if it was paused already ]]
--@include name_line
if redis.call('HSETNX', key.meta, 'paused', '1') == 0 then
  return 0
end
name_line(key)
return 1
