--[[ Tell those outside of a queue that its jobs are gone, some at a time: jobs of other queues that depend on them, by way of
`outgoing`, and whoever waits for their end. For a queue that is about to be deleted.

@key dependents zset
@key outcomes hash
@key outgoing hash
@key waiters set
@key finished channel
@key control channel
@arg limit int
@flags allow-oom
@repeat safe
@returns how many were told; 0 when there are no more ]]
--@include queue_of
local own = queue_of(key.dependents)
local members = redis.call('ZRANGE', key.dependents, 0, limit - 1)
for _, member in ipairs(members) do
  local id, queue, other, policy = string.match(member, '^([^|]*)|([^/|]*)/?([^|]*)|?(.*)$')
  if queue ~= own then
    local message = queue .. ' arrive ' .. other .. ' ' .. own .. '/' .. id .. ' ' .. policy
    redis.call('HSET', key.outgoing, message, redis.call('HGET', key.outcomes, id) or '')
  end
end
if #members > 0 then
  redis.call('ZREM', key.dependents, unpack(members))
  redis.call('PUBLISH', key.control, 'relay')
end
local waiting = redis.call('SPOP', key.waiters, limit)
for _, id in ipairs(waiting) do
  redis.call('PUBLISH', key.finished .. ':' .. id, '')
end
return #members + #waiting
