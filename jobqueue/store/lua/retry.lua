--[[ Give a failed or cancelled job all its attempts again, and let it start.
How it ended joins the history; failures and losses are counted from zero.

@key outcomes hash
@key expiring zset
@key progress hash
@key completed zset
@key failed zset
@key cancelled zset
@key blocking hash
@key blocked zset
@arg id str
@flags allow-oom
@repeat safe
@returns the state in which the job was found, missing, or owned if another job has its deduplication key by now ]]
--@include clock
--@include digits
--@include state_of
--@include rejoin
--@include note
--@include jot
--@include admit
--@include bell
--@include pass_on
local ms, micro = clock(now)
local state = state_of(key, id)
if state == 'failed' or state == 'cancelled' then
  if not rejoin(key, id) then
    return 'owned'
  end
  note(key, id, 'revived', redis.call('HGET', key.outcomes, id))
  jot(key, {{id, 'revived'}}, ms)
  redis.call('ZREM', key[state], id)
  redis.call('ZREM', key.expiring, id)
  redis.call('HDEL', key.outcomes, id)
  redis.call('HDEL', key.progress, id)
  local remaining, failing, due = string.match(redis.call('HGET', key.blocking, id) or '', '^(%-?%d+) (%-?%d+) ?(.*)$')
  if remaining and tonumber(remaining) > 0 and tonumber(failing) == 0 then
    redis.call('ZADD', key.blocked, digits(ms), id)
  else
    if remaining then
      -- It is to run all the same: what has failed it before does not count any more.
      redis.call('HSET', key.blocking, id, remaining .. ' 0 ' .. due)
    end
    admit(key, {id})
  end
  bell(key, micro)
  pass_on(key, 100, ms)
end
return state
