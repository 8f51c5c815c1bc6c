--[[ Delete jobs that have ended until some time, some at a time, the oldest first, and keep the latest.

@key completed zset
@key failed zset
@key cancelled zset
@key expiring zset
@arg state str completed, failed or cancelled
@arg before int milliseconds since 1970
@arg keep int how many of the latest are kept
@arg limit int
@flags allow-oom
@repeat safe
@returns how many were deleted; fewer than `limit` when all is done ]]
--@include clock
--@include digits
--@include unindex_errors
--@include forget
--@include pass_on
--@include happened
--@include emit
local ms = clock(now)
local excess = redis.call('ZCARD', key[state]) - keep
local surplus = math.min(limit, excess, redis.call('ZCOUNT', key[state], '-inf', digits(before)))
if surplus <= 0 then
  return 0
end
local ids = redis.call('ZRANGE', key[state], 0, surplus - 1)
if state == 'failed' then
  unindex_errors(key, ids)
end
redis.call('ZREM', key[state], unpack(ids))
redis.call('ZREM', key.expiring, unpack(ids))
forget(key, ids)
happened(key, 'removed', ids)
pass_on(key, 100, ms)
emit(key, ms)
return #ids
