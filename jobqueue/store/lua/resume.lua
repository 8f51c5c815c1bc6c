--[[ Let the jobs of a queue start again, and wake the workers that wait for them.

@key meta hash
@flags allow-oom
@repeat safe
@returns 1 if it was paused before, 0 if it was running already ]]
--@include clock
--@include name_line
--@include bell
--@include happened
--@include emit
local ms, micro = clock(now)
if redis.call('HDEL', key.meta, 'paused') == 0 then
  return 0
end
name_line(key)
bell(key, micro)
happened(key, 'resumed', {''})
emit(key, ms)
return 1
