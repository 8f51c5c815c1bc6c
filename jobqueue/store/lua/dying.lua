--[[ Read which workers are to be reaped: those whose lease has run out, and the tombstones, the oldest first.

@key workers zset
@key tombstones zset
@flags no-writes
@repeat safe
@returns ids of workers ]]
--@include clock
--@include digits
local ms = clock(now)
local ids = redis.call('ZRANGEBYSCORE', key.workers, '-inf', digits(ms), 'LIMIT', 0, 100)
for _, id in ipairs(redis.call('ZRANGE', key.tombstones, 0, 99)) do
  ids[#ids + 1] = id
end
return ids
