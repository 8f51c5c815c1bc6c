--[[ Read some of the schedules, or one of them.

@key schedules hash
@key firings hash
@key fired hash
@arg id str of the one that is meant; empty for all
@arg cursor str 0, then what the last call returned
@arg count int
@flags no-writes
@repeat safe
@returns {now, cursor of the next page or 0, id, definition, head, what became of the latest slots, ...} ]]
--@include clock
--@include digits
local ms = clock(now)
local page = {'0', {}}
if id == '' then
  page = redis.call('HSCAN', key.schedules, cursor, 'COUNT', count)
elseif redis.call('HEXISTS', key.schedules, id) == 1 then
  page[2] = {id, redis.call('HGET', key.schedules, id)}
end
local reply = {digits(ms), page[1]}
for at = 1, #page[2], 2 do
  reply[#reply + 1] = page[2][at]
  reply[#reply + 1] = page[2][at + 1]
  reply[#reply + 1] = redis.call('HGET', key.firings, page[2][at]) or ''
  reply[#reply + 1] = redis.call('HGET', key.fired, page[2][at]) or ''
end
return reply
