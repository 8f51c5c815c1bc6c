--[[ Tells a job that one which it waited for runs again. If that had failed it, and nothing else does, it waits again.
@uses inputs blocking outcomes failed expiring blocked ]]
--@include digits
--@include note
--@include jot
--@include rejoin
--@include unindex_errors
--@include happened
local function revive_edge(key, id, dependency, now)
  local field = id .. '|' .. dependency
  local input, stand = redis.call('HGET', key.inputs, field), redis.call('HGET', key.blocking, id)
  if not input or not stand then
    return
  end
  redis.call('HDEL', key.inputs, field)
  local remaining, failing, due = string.match(stand, '^(%-?%d+) (%-?%d+) ?(.*)$')
  remaining, failing = remaining + 1, tonumber(failing)
  local policy, how = string.match(input, '^(%a+) (.*)$')
  if string.sub(how, 1, 12) ~= '["completed"' and (policy == 'fail' or policy == 'cancel') then
    failing = math.max(0, failing - 1)
  end
  redis.call('HSET', key.blocking, id, remaining .. ' ' .. failing .. ' ' .. due)
  local ended = redis.call('HGET', key.outcomes, id)
  local failed = ended and string.sub(ended, 1, 9) == '["failed"' and string.find(ended, '"type":"DependencyFailed","message"', 1, true)
  if failed and failing == 0 and rejoin(key, id) then
    note(key, id, 'revived', ended)
    unindex_errors(key, {id})
    happened(key, 'revived', {id})
    jot(key, {{id, 'revived', dependency}}, now)
    redis.call('ZREM', key.failed, id)
    redis.call('ZREM', key.expiring, id)
    redis.call('HDEL', key.outcomes, id)
    redis.call('ZADD', key.blocked, digits(now), id)
  end
end
