--[[ Tell jobs how those ended that they depend on, some at a time, and read what is to be told to jobs of other queues.

@key outbox list
@key outgoing hash
@arg limit int
@flags allow-oom
@repeat safe
@returns {1 if there is more to tell, message, body, ...}; a message is QUEUE VERB ID QUEUE/ID POLICY ]]
--@include clock
--@include bell
--@include pass_on
--@include emit
local ms, micro = clock(now)
pass_on(key, limit, ms)
bell(key, micro)
emit(key, ms)
local reply = {redis.call('EXISTS', key.outbox)}
-- Not HSCAN: as messages are delivered, the part of the hash with which it begins is empty, and stays so.
for _, text in ipairs(redis.call('HRANDFIELD', key.outgoing, limit, 'WITHVALUES') or {}) do
  reply[#reply + 1] = text
end
if redis.call('HLEN', key.outgoing) > limit then
  reply[1] = 1
end
return reply
