--[[ Delete ended jobs beyond their retention, some at a time, the oldest first.

@key completed zset
@key failed zset
@key cancelled zset
@key expiring zset
@arg limit int
@rest retention 3 state, milliseconds kept, number kept
@flags allow-oom
@repeat safe
@returns how many were deleted; fewer than `limit` when all is done ]]
--@include clock
--@include digits
--@include forget
--@include unindex_errors
local ms = clock(now)
local ids = redis.call('ZRANGEBYSCORE', key.expiring, '-inf', digits(ms), 'LIMIT', 0, limit)
if #ids > 0 then
  redis.call('ZREM', key.expiring, unpack(ids))
  redis.call('ZREM', key.completed, unpack(ids))
end
for at = rest, #ARGV, 3 do
  local ended, age, count = key[ARGV[at]], tonumber(ARGV[at + 1]), tonumber(ARGV[at + 2])
  local room = limit - #ids
  if room > 0 then
    local excess = redis.call('ZCARD', ended) - count
    local old = redis.call('ZCOUNT', ended, '-inf', digits(ms - age))
    local surplus = math.min(room, math.max(excess, old))
    if surplus > 0 then
      local oldest = redis.call('ZRANGE', ended, 0, surplus - 1)
      redis.call('ZREM', ended, unpack(oldest))
      if ARGV[at] == 'failed' then
        unindex_errors(key, oldest)
      end
      redis.call('ZREM', key.expiring, unpack(oldest))
      for _, id in ipairs(oldest) do
        ids[#ids + 1] = id
      end
    end
  end
end
forget(key, ids)
return #ids
