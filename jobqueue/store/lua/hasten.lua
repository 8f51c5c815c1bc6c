--[[ Let a delayed job start now.

@key delayed zset
@arg id str
@flags allow-oom
@repeat safe
@returns the state in which the job was found, or missing ]]
--@include clock
--@include state_of
--@include jot
--@include admit
--@include bell
--@include happened
--@include emit
local ms, micro = clock(now)
local state = state_of(key, id)
if state == 'delayed' then
  redis.call('ZREM', key.delayed, id)
  jot(key, {{id, 'promoted'}}, ms)
  admit(key, {id})
  bell(key, micro)
  happened(key, 'waiting', {id})
  emit(key, ms)
end
return state
