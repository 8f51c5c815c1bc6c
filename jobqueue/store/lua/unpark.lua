--[[ Let parked jobs start again, some at a time, because there is a worker now that may be able to run them.

@key parking zset
@rest ranges 2 the first and the last member of `parking` that is meant, as ZRANGEBYLEX takes them
@flags allow-oom
@repeat safe
@returns how many were unparked; 0 when there are no more ]]
--@include clock
--@include leave_parking
--@include admit
--@include bell
--@include happened
--@include emit
local ms, micro = clock(now)
if redis.call('EXISTS', key.parking) == 0 then
  return 0
end
local ranges = {}
for at = rest, #ARGV do
  ranges[#ranges + 1] = ARGV[at]
end
local ids = leave_parking(key, ranges, 100, ms)
admit(key, ids)
bell(key, micro)
happened(key, 'waiting', ids)
emit(key, ms)
return #ids
