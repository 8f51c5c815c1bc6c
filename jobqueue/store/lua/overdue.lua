--[[ Find the jobs of another queue that wait for jobs of this one, and will not be told of their end.

@key jobs hash
@key dependents zset
@key outgoing hash
@arg queue str the other queue
@rest edges 3 id there, id here, policy
@flags no-writes
@repeat safe
@returns id there, id here, policy, ... ]]
--@include queue_of
--@include over
--@include spoken_of
local own, reply, seen = queue_of(key.jobs), {}, {}
for at = rest, #ARGV, 3 do
  local id, other, policy = ARGV[at], ARGV[at + 1], ARGV[at + 2]
  local message = queue .. ' arrive ' .. id .. ' ' .. own .. '/' .. other .. ' ' .. policy
  local linked = redis.call('ZSCORE', key.dependents, other .. '|' .. queue .. '/' .. id .. '|' .. policy)
  if
    (over(key, other) or not linked)
    and not spoken_of(key, other, seen)
    and redis.call('HEXISTS', key.outgoing, message) == 0
  then
    for step = 0, 2 do
      reply[#reply + 1] = ARGV[at + step]
    end
  end
end
return reply
