--[[ Say which schedules the code of a worker declares. Those that no live worker declares any more are retired.

@key workers zset
@key declaring hash
@key firings hash
@key upcoming zset
@arg worker str
@arg cursor str 0, then what the last call returned
@rest names 1
@flags allow-oom
@repeat safe
@returns {cursor, 0 when all have been looked at; the schedules that have been retired} ]]
--@include clock
local ms = clock(now)
if (tonumber(redis.call('ZSCORE', key.workers, worker) or 0)) <= ms then
  return {'0', {}}
end
local own = ' '
for at = rest, #ARGV do
  own = own .. ARGV[at] .. ' '
end
redis.call('HSET', key.declaring, worker, own)
local declared = table.concat(redis.call('HGETALL', key.declaring))
local page = redis.call('HSCAN', key.firings, cursor, 'COUNT', 100)
local retired = {}
for at = 1, #page[2], 2 do
  local name, head = page[2][at], page[2][at + 1]
  local state, source = string.match(head, '^(%S+) (%S+)')
  if source == 'code' and state ~= 'retired' and not string.find(declared, ' ' .. name .. ' ', 1, true) then
    redis.call('HSET', key.firings, name, 'retired' .. string.sub(head, #state + 1))
    redis.call('ZREM', key.upcoming, name)
    retired[#retired + 1] = name
  end
end
return {page[1], retired}
