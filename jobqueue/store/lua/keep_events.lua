--[[ Have a queue keep events: what happens to its jobs is written down from now on.

@key meta hash
@arg patience int milliseconds for which it does at least; -1 without end, 0 not any more
@flags allow-oom
@repeat safe
@returns 1 ]]
--@include clock
--@include digits
local ms = clock(now)
if patience == 0 then
  redis.call('HDEL', key.meta, 'events')
  return 1
end
local before = tonumber(redis.call('HGET', key.meta, 'events') or 0)
-- The end of time is that of Python's dates.
local wanted = patience < 0 and 253402300799999 or ms + patience
redis.call('HSET', key.meta, 'events', digits(math.max(before, wanted)))
return 1
