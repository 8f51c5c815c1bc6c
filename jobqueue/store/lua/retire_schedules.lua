--[[ Retire schedules of code that another queue has now, unless a live worker here declares them still.

@key firings hash
@key upcoming zset
@rest names 1
@flags allow-oom
@repeat safe
@returns those that have been retired ]]
--@include declared
local retired = {}
for at = rest, #ARGV do
  local head = redis.call('HGET', key.firings, ARGV[at])
  local state, source = string.match(head or '', '^(%S+) (%S+)')
  if source == 'code' and state ~= 'retired' then
    if not declared(key, 'all', ' ' .. ARGV[at] .. '=') then
      redis.call('HSET', key.firings, ARGV[at], 'retired' .. string.sub(head, #state + 1))
      redis.call('ZREM', key.upcoming, ARGV[at])
      retired[#retired + 1] = ARGV[at]
    end
  end
end
return retired
