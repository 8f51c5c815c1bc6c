--[[ Read the figures of a queue, some at a time.

@key stats hash
@key minutes zset
@arg since int milliseconds before now, or the minute that the last call returned
@arg offset int 0, then what the last call returned
@arg count int how many entries
@flags no-writes
@repeat safe
@returns {now, first minute, offset of what comes next or -1, field, words, field, words ...} ]]
--@include clock
--@include digits
local ms = clock(now)
local minute = offset > 0 and since or math.floor((ms - since) / 60000)
local first = redis.call('ZCOUNT', key.minutes, '-inf', '(' .. digits(minute)) + offset
local names = redis.call('ZRANGE', key.minutes, first, first + count - 1)
local reply = {digits(ms), digits(minute), #names < count and -1 or offset + count}
if #names > 0 then
  for index, words in ipairs(redis.call('HMGET', key.stats, unpack(names))) do
    reply[#reply + 1] = names[index]
    reply[#reply + 1] = words or ''
  end
end
return reply
