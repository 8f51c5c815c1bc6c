--[[ Keep the jobs of a queue from starting. Those that run go on.

@key meta hash
@flags allow-oom
@repeat safe
@returns 1 if it was running before, 0 if it was paused already ]]
--@include clock
--@include name_line
--@include happened
--@include emit
if redis.call('HSETNX', key.meta, 'paused', '1') == 0 then
  return 0
end
name_line(key)
happened(key, 'paused', {''})
emit(key, (clock(now)))
return 1
