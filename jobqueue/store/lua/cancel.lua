--[[ Call a job off. One that has not begun is cancelled now; one that runs is asked to stop; one that has ended stays.

@arg id str
@arg reason str JSON text
@arg all int 1 calls off what it waits for as well
@flags allow-oom
@repeat safe
@returns the state in which the job was found, or missing ]]
--@include clock
--@include call_off
--@include pass_on
--@include emit
local ms = clock(now)
local state = call_off(key, id, reason, all == 1, ms)
pass_on(key, 100, ms)
emit(key, ms)
return state
