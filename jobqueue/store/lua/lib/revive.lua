--[[ Gives a failed or cancelled job all its attempts again, and lets it start. How it ended joins the history; failures
and losses are counted from zero. If `only` names a state, a job in another stays.
@uses outcomes expiring progress blocking blocked completed failed cancelled
@returns the state in which the job was found, missing, or owned if another job has its deduplication key by now ]]
--@include digits
--@include state_of
--@include rejoin
--@include note
--@include jot
--@include admit
--@include unindex_errors
--@include happened
local function revive(key, id, only, now)
  local state = state_of(key, id)
  if state ~= 'failed' and state ~= 'cancelled' or only and state ~= only then
    return state
  end
  if not rejoin(key, id) then
    return 'owned'
  end
  if state == 'failed' then
    unindex_errors(key, {id})
  end
  note(key, id, 'revived', redis.call('HGET', key.outcomes, id))
  jot(key, {{id, 'revived'}}, now)
  happened(key, 'revived', {id})
  redis.call('ZREM', key[state], id)
  redis.call('ZREM', key.expiring, id)
  redis.call('HDEL', key.outcomes, id)
  redis.call('HDEL', key.progress, id)
  local remaining, failing, due = string.match(redis.call('HGET', key.blocking, id) or '', '^(%-?%d+) (%-?%d+) ?(.*)$')
  if remaining and tonumber(remaining) > 0 and tonumber(failing) == 0 then
    redis.call('ZADD', key.blocked, digits(now), id)
  else
    if remaining then
      -- It is to run all the same: what has failed it before does not count any more.
      redis.call('HSET', key.blocking, id, remaining .. ' 0 ' .. due)
    end
    admit(key, {id})
  end
  return state
end
