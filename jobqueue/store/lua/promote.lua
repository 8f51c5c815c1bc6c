--[[ Let delayed jobs start whose time has come, some at a time.

@key delayed zset
@key wait list
@key paused list
@key meta hash
@key ghosts set
@arg limit int
@flags allow-oom
@repeat safe
@returns {how many were promoted, milliseconds until the next is due: 0 if some are due still, -1 if there is none} ]]
--@include clock
--@include digits
--@include admit
local ms = clock(now)
local ids = redis.call('ZRANGEBYSCORE', key.delayed, '-inf', digits(ms), 'LIMIT', 0, limit)
if #ids > 0 then
  redis.call('ZREM', key.delayed, unpack(ids))
  admit(key, ids)
end
local next = redis.call('ZRANGE', key.delayed, 0, 0, 'WITHSCORES')
if #next == 0 then
  return {#ids, -1}
end
return {#ids, math.max(0, tonumber(next[2]) - ms)}
