--[[ Keep a schedule: a new one, or a change of one that is there. Its first slot is found by a scheduler.
What is unchanged goes on as it was: putting twice is putting once. A change of the arguments leaves the slots as they are.

@key schedules hash
@key firings hash
@key upcoming zset
@key control channel
@arg id str
@arg definition str JSON text
@arg revision str changes with the definition
@arg times str changes with what decides about its slots
@arg source str code or user
@repeat safe
@returns new, changed, same, or declared: it is in the code of an application, and was not changed ]]
--@include clock
--@include digits
local ms = clock(now)
local head = redis.call('HGET', key.firings, id)
local state, from, was, slots, count, since = string.match(head or '', '^(%S+) (%S+) (%S+) (%S+) (%S+) (%S+)$')
if source == 'user' and from == 'code' and state ~= 'retired' then
  return 'declared'
end
if was == revision and from == source and state ~= 'retired' then
  return 'same'
end
local keeps = slots == times and (state == 'active' or state == 'paused' or state == 'retired')
if not keeps then
  since, count = digits(ms), '0'
end
if state ~= 'paused' then
  state = 'active'
end
redis.call('HSET', key.schedules, id, definition)
redis.call('HSET', key.firings, id, table.concat({state, source, revision, times, count, since}, ' '))
if state == 'active' and not (keeps and redis.call('ZSCORE', key.upcoming, id)) then
  redis.call('ZADD', key.upcoming, digits(ms), id)
end
redis.call('PUBLISH', key.control, 'schedule')
return head and 'changed' or 'new'
