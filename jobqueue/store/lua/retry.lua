--[[ Give a failed or cancelled job all its attempts again, and let it start.
How it ended joins the history; failures and losses are counted from zero.

@key jobs hash
@key active hash
@key delayed zset
@key outcomes hash
@key completed zset
@key failed zset
@key cancelled zset
@key attempts hash
@key expiring zset
@key progress hash
@key wait list
@key paused list
@key meta hash
@key ghosts set
@arg id str
@flags allow-oom
@repeat safe
@returns the state in which the job was found, or missing ]]
--@include state_of
--@include note
--@include admit
local state = state_of(key, id)
if state == 'failed' or state == 'cancelled' then
  note(key, id, 'revived', redis.call('HGET', key.outcomes, id))
  redis.call('ZREM', key[state], id)
  redis.call('ZREM', key.expiring, id)
  redis.call('HDEL', key.outcomes, id)
  redis.call('HDEL', key.progress, id)
  admit(key, {id})
end
return state
