--[[ Lets a job go on that has nothing left to wait for: now, or at the time that was asked for.
@returns its state ]]
--@include digits
--@include time_of
--@include delay
--@include admit
local function unblock(key, id, due, now)
  local moment = due == '' and 0 or time_of(due, now)
  if moment > now then
    delay(key, {digits(moment), id})
    return 'delayed'
  end
  admit(key, {id})
  return 'waiting'
end
