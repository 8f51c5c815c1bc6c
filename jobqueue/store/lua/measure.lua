--[[ Add to the figures of a queue what a worker process has measured since it last did. They count for this minute of the
server's clock. An entry is a text of words, `NAME:COUNT`; the counts of words that are the same are added up.
What is too old is deleted, some at a time.

@key stats hash
@key minutes zset
@arg source str the process; no other has the same
@arg number int which report of this process it is: one that was received before is not counted again
@arg keep int milliseconds for which figures are kept
@arg most int how many tasks have figures of their own in a minute; those of others are added up under `*`
@rest entries 2 task, words
@flags allow-oom
@repeat safe
@returns 1, or 0 if it was counted before ]]
--@include clock
--@include digits
local ms = clock(now)
local minute = digits(math.floor(ms / 60000))
if tonumber(redis.call('HGET', key.stats, '=' .. source) or 0) >= number then
  return 0
end
redis.call('HSET', key.stats, '=' .. source, digits(number))
redis.call('ZADD', key.minutes, '-' .. minute, '=' .. source)

local room = most - redis.call('ZCOUNT', key.minutes, minute, minute)
for at = rest, #ARGV, 2 do
  local name, words = minute .. '|' .. ARGV[at], ARGV[at + 1]
  local before = redis.call('HGET', key.stats, name)
  if not before and room <= 0 then
    name = minute .. '|*'
    before = redis.call('HGET', key.stats, name)
  end
  if before then
    local counts, merged = {}, {}
    for word, count in string.gmatch(before .. ' ' .. words, '(%S+):(%d+)') do
      counts[word] = (counts[word] or 0) + count
    end
    for word, count in pairs(counts) do
      merged[#merged + 1] = word .. ':' .. digits(count)
    end
    words = table.concat(merged, ' ')
  else
    room = room - 1
    redis.call('ZADD', key.minutes, minute, name)
  end
  redis.call('HSET', key.stats, name, words)
end

local over = digits(math.floor((ms - keep) / 60000))
local old = redis.call('ZRANGEBYSCORE', key.minutes, '-' .. over, over, 'LIMIT', 0, 100)
if #old > 0 then
  redis.call('ZREM', key.minutes, unpack(old))
  redis.call('HDEL', key.stats, unpack(old))
end
return 1
