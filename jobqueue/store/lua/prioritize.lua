--[[ Change the priority of a job that has not begun.

@key traits hash
@key parked hash
@arg id str
@arg priority int
@flags allow-oom
@repeat safe
@returns the state in which the job was found, or missing ]]
--@include clock
--@include state_of
--@include lane_of
--@include withdraw
--@include jot
--@include admit
--@include bell
local ms, micro = clock(now)
local state = state_of(key, id)
if state ~= 'waiting' and state ~= 'delayed' and state ~= 'blocked' then
  return state
end
local before, name = lane_of(redis.call('HGET', key.traits, id))
if before == priority then
  return state
end
local lies = state == 'waiting' and redis.call('HEXISTS', key.parked, id) == 0
if lies then
  withdraw(key, id, state)
end
if priority == 0 and name == '' then
  redis.call('HDEL', key.traits, id)
else
  redis.call('HSET', key.traits, id, (priority ~= 0 and priority or '') .. '|' .. name)
end
jot(key, {{id, 'prioritized', before .. ' ' .. priority}}, ms)
if lies then
  admit(key, {id})
  bell(key, micro)
end
return state
