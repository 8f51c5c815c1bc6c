--[[ Holds jobs until their time, and wakes the promoters if one of them is now the first that is due.
`entries` is a list of time, id, time, id ...
@uses delayed control ]]
--@include each_chunk
local function delay(key, entries)
  if #entries == 0 then
    return
  end
  local before = tonumber(redis.call('ZRANGE', key.delayed, 0, 0, 'WITHSCORES')[2])
  each_chunk('ZADD', key.delayed, entries)
  if not before or tonumber(redis.call('ZRANGE', key.delayed, 0, 0, 'WITHSCORES')[2]) < before then
    redis.call('PUBLISH', key.control, 'promote')
  end
end
