--[[ Start the job of a slot, and say which slot is next: if nobody else has done so since the schedule was read.
So any number of schedulers may try, and one of them does it.

@key firings hash
@key upcoming zset
@arg worker str who fires it
@arg schedule str
@arg head str as it was read
@arg since str the slot up to which all is done then, in milliseconds
@arg next str the slot to wait for, in milliseconds; empty if the schedule has ended
@arg limit int how many slots fire in all; 0 for no limit
@arg missed str empty, or the first slot that was missed and is not made up for
@arg slot str in milliseconds; empty if none fires
@arg overlap str allow, skip, queue_one or cancel_running
@arg id str of its job
@arg specification str
@arg due str as for add
@arg steering str as for add_steered
@repeat safe
@returns {what became of the slot, the job, the head after it}; {`changed`} if somebody else was first; {`retired`} if it is
  in the code of no live worker any more; {`full`} if there is no room for the job: it is tried again in a second ]]
--@include clock
--@include digits
--@include declared
--@include start_slot
--@include slot_log
--@include bell
--@include pass_on
--@include emit
local ms, micro = clock(now)
if redis.call('HGET', key.firings, schedule) ~= head then
  return {'changed'}
end
local state, source, revision, times, count = string.match(head, '^(%S+) (%S+) (%S+) (%S+) (%S+)')
if state ~= 'active' then
  return {'changed'}
end
if source == 'code' and not declared(key, worker, ' ' .. schedule .. '=') then
  redis.call('HSET', key.firings, schedule, 'retired' .. string.sub(head, #state + 1))
  redis.call('ZREM', key.upcoming, schedule)
  return {'retired'}
end
local kind, detail = 'none', ''
if slot ~= '' then
  kind, detail = start_slot(key, schedule, 'fired', overlap, id, specification, due, steering, ms)
  if kind == 'full' then
    redis.call('ZADD', key.upcoming, digits(ms + 1000), schedule) -- others come before it
    return {kind}
  end
end
if missed ~= '' then
  slot_log(key, schedule, 'missed', missed, '-', ms)
end
if slot ~= '' then
  slot_log(key, schedule, kind, slot, detail, ms)
  count = kind == 'skipped' and count or count + 1
end
if next == '' or limit > 0 and tonumber(count) >= limit then
  state = 'ended'
  redis.call('ZREM', key.upcoming, schedule)
else
  redis.call('ZADD', key.upcoming, next, schedule)
end
local text = table.concat({state, source, revision, times, count, since}, ' ')
redis.call('HSET', key.firings, schedule, text)
pass_on(key, 100, ms)
bell(key, micro)
emit(key, ms)
return {kind, detail, text}
