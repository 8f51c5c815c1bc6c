--[[ Complete a flow that was added in parts: from now on its jobs may run. Or give it up: they are deleted.
A flow that was completed before cannot be given up: it may be that other queues have not been told of that yet.

@key jobs hash
@key stagings zset
@key outbox list
@key outgoing hash
@key control channel
@arg flow str
@arg root str the job in which it ends
@arg verb str commit or discard
@rest queues 1 the other queues that have jobs of the flow
@flags allow-oom
@repeat safe
@returns whether it was done: 1, or 0 if it was completed before it was to be given up, or given up before it was to be
  completed ]]
--@include clock
--@include bell
--@include pass_on
--@include emit
local ms, micro = clock(now)
if redis.call('ZREM', key.stagings, flow) == 0 and verb == 'commit' then
  local gone = redis.call('HEXISTS', key.jobs, root) == 0 or redis.call('LPOS', key.outbox, 'discard ' .. flow)
  return gone and 0 or 1
end
redis.call('RPUSH', key.outbox, verb .. ' ' .. flow)
local done = 1
for at = rest, #ARGV do
  local message = ARGV[at] .. ' commit ' .. flow .. ' - -'
  if verb == 'commit' then
    redis.call('HSET', key.outgoing, message, '')
  elseif redis.call('HEXISTS', key.outgoing, message) == 1 then
    done = 0
  end
end
redis.call('PUBLISH', key.control, 'relay')
pass_on(key, 100, ms)
bell(key, micro)
emit(key, ms)
return done
