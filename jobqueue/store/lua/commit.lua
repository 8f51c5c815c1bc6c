--[[ Complete a flow that was added in parts: from now on its jobs may run. Or give it up: they are deleted.

@key stagings zset
@key outbox list
@key outgoing hash
@key control channel
@arg flow str
@arg verb str commit or discard
@rest queues 1 the other queues that have jobs of the flow
@flags allow-oom
@repeat safe
@returns 1; or 0 if there is no such flow: it was completed before, or given up ]]
--@include clock
--@include bell
--@include pass_on
--@include emit
local ms, micro = clock(now)
if redis.call('ZREM', key.stagings, flow) == 0 then
  return 0
end
redis.call('RPUSH', key.outbox, verb .. ' ' .. flow)
for at = rest, #ARGV do
  redis.call('HSET', key.outgoing, ARGV[at] .. ' ' .. verb .. ' ' .. flow .. ' - -', '')
end
redis.call('PUBLISH', key.control, 'relay')
pass_on(key, 100, ms)
bell(key, micro)
emit(key, ms)
return 1
