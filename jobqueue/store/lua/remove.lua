--[[ Delete a job and all that is kept of it, unless it is running.

@arg id str
@flags allow-oom
@repeat safe
@returns the state in which the job was found, or missing ]]
--@include clock
--@include erase
--@include pass_on
--@include emit
local ms = clock(now)
local state = erase(key, id)
pass_on(key, 100, ms)
emit(key, ms)
return state
