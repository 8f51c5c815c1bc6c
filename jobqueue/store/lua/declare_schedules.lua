--[[ Say which schedules the code of a worker declares. Those that no live worker declares any more are retired, unless they
are paused: somebody wants them kept.

@key workers zset
@key declaring hash
@key firings hash
@key upcoming zset
@arg worker str
@arg cursor str 0, then what the last call returned
@rest names 2 the id of a schedule, and its revision
@flags allow-oom
@repeat safe
@returns {cursor, 0 when all have been looked at; the schedules that have been retired; those of the worker that are to be
  put again: they are not there, are retired, or are as no live worker has them} ]]
--@include clock
--@include declared
local ms = clock(now)
if (tonumber(redis.call('ZSCORE', key.workers, worker) or 0)) <= ms then
  return {'0', {}, {}}
end
local own = ' '
for at = rest, #ARGV, 2 do
  own = own .. ARGV[at] .. '=' .. ARGV[at + 1] .. ' '
end
redis.call('HSET', key.declaring, worker, own)
local page = redis.call('HSCAN', key.firings, cursor, 'COUNT', 100)
local retired, stale = {}, {}
for at = 1, #page[2], 2 do
  local name, head = page[2][at], page[2][at + 1]
  local state, source = string.match(head, '^(%S+) (%S+)')
  local kept = state == 'retired' or state == 'paused'
  if source == 'code' and not kept and not declared(key, worker, ' ' .. name .. '=') then
    redis.call('HSET', key.firings, name, 'retired' .. string.sub(head, #state + 1))
    redis.call('ZREM', key.upcoming, name)
    retired[#retired + 1] = name
  end
end
if cursor == '0' then
  for at = rest, #ARGV, 2 do
    local state, revision = string.match(redis.call('HGET', key.firings, ARGV[at]) or '', '^(%S+) %S+ (%S+)')
    if not state or state == 'retired' or not declared(key, worker, ' ' .. ARGV[at] .. '=' .. revision .. ' ') then
      stale[#stale + 1] = ARGV[at]
    end
  end
end
return {page[1], retired, stale}
