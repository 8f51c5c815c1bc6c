--[[ Pause, resume or remove a schedule. Slots during the pause are not made up for.

@key schedules hash
@key firings hash
@key fired hash
@key upcoming zset
@key control channel
@key outstanding hash
@arg id str
@arg verb str pause, resume or remove
@flags allow-oom
@repeat safe
@returns the state in which it was found: active, paused, ended or retired; missing; or declared: it is in the code of a
  worker that is alive, from where it would come back, and was not removed ]]
--@include clock
--@include digits
--@include declared
local ms = clock(now)
local state, kept = string.match(redis.call('HGET', key.firings, id) or '', '^(%S+) (.*) %S+$')
if not state then
  return 'missing'
end
if verb == 'pause' and state == 'active' then
  redis.call('ZREM', key.upcoming, id)
  local head = redis.call('HGET', key.firings, id)
  redis.call('HSET', key.firings, id, 'paused' .. string.sub(head, #state + 1))
elseif verb == 'resume' and state == 'paused' then
  redis.call('HSET', key.firings, id, 'active ' .. kept .. ' ' .. digits(ms))
  redis.call('ZADD', key.upcoming, digits(ms), id)
  redis.call('PUBLISH', key.control, 'schedule')
elseif verb == 'remove' then
  if string.sub(kept, 1, 5) == 'code ' and declared(key, 'all', ' ' .. id .. '=') then
    return 'declared'
  end
  for _, column in ipairs({key.schedules, key.firings, key.fired, key.outstanding}) do
    redis.call('HDEL', column, id)
  end
  redis.call('ZREM', key.upcoming, id)
end
return state
