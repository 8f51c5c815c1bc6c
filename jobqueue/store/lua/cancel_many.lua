--[[ Call jobs off that have not ended, if they are in a state; see `cancel`.

@arg state str waiting, delayed, blocked or active
@arg reason str JSON text
@rest ids 1 up to 100
@flags allow-oom
@repeat safe
@returns how many were cancelled, or asked to stop ]]
--@include clock
--@include call_off
--@include pass_on
--@include emit
local ms = clock(now)
local count = 0
for at = rest, #ARGV do
  if call_off(key, ARGV[at], reason, false, ms, state) == state then
    count = count + 1
  end
end
pass_on(key, 100, ms)
emit(key, ms)
return count
