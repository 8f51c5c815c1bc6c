--[[ Give a failed or cancelled job all its attempts again, and let it start; see lib/revive.lua.

@arg id str
@flags allow-oom
@repeat safe
@returns the state in which the job was found, missing, or owned if another job has its deduplication key by now ]]
--@include clock
--@include revive
--@include bell
--@include pass_on
--@include emit
local ms, micro = clock(now)
local state = revive(key, id, nil, ms)
if state == 'failed' or state == 'cancelled' then
  bell(key, micro)
  pass_on(key, 100, ms)
  emit(key, ms)
end
return state
