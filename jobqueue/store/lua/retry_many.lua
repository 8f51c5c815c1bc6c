--[[ Give jobs that have failed or were cancelled all their attempts again, if they are in that state; see lib/revive.lua.

@arg state str failed or cancelled
@rest ids 1 up to 100
@flags allow-oom
@repeat safe
@returns how many wait again ]]
--@include clock
--@include revive
--@include bell
--@include pass_on
--@include emit
local ms, micro = clock(now)
local count = 0
for at = rest, #ARGV do
  if revive(key, ARGV[at], state, ms) == state then
    count = count + 1
  end
end
bell(key, micro)
pass_on(key, 100, ms)
emit(key, ms)
return count
