--[[ Delete jobs and all that is kept of them, if they are in a state.

@arg state str
@rest ids 1 up to 100
@flags allow-oom
@repeat safe
@returns how many were deleted ]]
--@include clock
--@include erase
--@include pass_on
--@include emit
local ms = clock(now)
local count = 0
for at = rest, #ARGV do
  if erase(key, ARGV[at], state) == state then
    count = count + 1
  end
end
pass_on(key, 100, ms)
emit(key, ms)
return count
