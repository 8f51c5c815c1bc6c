--[[ Forget messages to other queues that have been told there, unless they have changed since.

@key outgoing hash
@rest messages 2 message, body
@flags allow-oom
@repeat safe
@returns how many were forgotten ]]
local count = 0
for at = rest, #ARGV, 2 do
  if redis.call('HGET', key.outgoing, ARGV[at]) == ARGV[at + 1] then
    count = count + redis.call('HDEL', key.outgoing, ARGV[at])
  end
end
return count
