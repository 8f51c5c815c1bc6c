--[[ Note that a job has been enqueued again as another one.

@key jobs hash
@key notes hash
@arg id str
@arg other str the id of the copy
@flags allow-oom
@repeat safe
@returns 1 if it was noted; 0 if one of them is not there, or it was noted before ]]
--@include clock
--@include jot
local ms = clock(now)
local there = redis.call('HMGET', key.jobs, id, other)
local before = redis.call('HGET', key.notes, id) or ''
if not there[1] or not there[2] or string.find(before .. '\n', ' replayed ' .. other .. '\n', 1, true) then
  return 0
end
jot(key, {{id, 'replayed', other}}, ms)
return 1
