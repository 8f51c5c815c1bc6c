--[[ Read the schedules that have a slot now, or are new.

@key schedules hash
@key firings hash
@key upcoming zset
@arg offset int how many of those at the front are left out: they cannot be read here
@arg limit int
@flags no-writes
@repeat safe
@returns {now, milliseconds until the next slot or -1, how many schedules there are, id, definition, head, ...} ]]
--@include clock
--@include digits
local ms = clock(now)
local ids = redis.call('ZRANGEBYSCORE', key.upcoming, '-inf', digits(ms), 'LIMIT', offset, limit)
local later = redis.call('ZRANGEBYSCORE', key.upcoming, '(' .. digits(ms), '+inf', 'WITHSCORES', 'LIMIT', 0, 1)
local reply = {digits(ms), later[2] and math.max(0, tonumber(later[2]) - ms) or -1, redis.call('HLEN', key.schedules)}
for _, id in ipairs(ids) do
  reply[#reply + 1] = id
  reply[#reply + 1] = redis.call('HGET', key.schedules, id) or ''
  reply[#reply + 1] = redis.call('HGET', key.firings, id) or ''
end
return reply
