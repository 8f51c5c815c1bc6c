--[[ Delete jobs that wait, some at a time: the line, the backlog, the parked ones and, if that is wanted, the delayed ones.

@key meta hash
@key held list
@key wait list
@key backlog zset
@key places hash
@key delayed zset
@arg later int 1 deletes delayed jobs as well
@arg limit int
@flags allow-oom
@repeat safe
@returns {how many were deleted, 1 if there may be more} ]]
--@include clock
--@include living
--@include leave_parking
--@include dismiss
--@include bell
--@include pass_on
--@include emit
local ms, micro = clock(now)
local meta = redis.call('HMGET', key.meta, 'paused', 'limited')
local line = (meta[1] or meta[2]) and key.held or key.wait
local popped = redis.call('RPOP', line, limit) or {}
local room = limit - #popped
local ids = living(key, popped)

if room > 0 then
  local members = redis.call('ZRANGE', key.backlog, 0, room - 1)
  for _, member in ipairs(members) do
    local id = string.match(member, '[^|]+$')
    redis.call('HDEL', key.places, id)
    ids[#ids + 1] = id
  end
  if #members > 0 then
    redis.call('ZREM', key.backlog, unpack(members))
  end
  room = room - #members
end
if room > 0 then
  for _, id in ipairs(leave_parking(key, {'-', '+'}, room)) do
    ids[#ids + 1] = id
    room = room - 1
  end
end
if room > 0 and later == 1 then
  local due = redis.call('ZRANGE', key.delayed, 0, room - 1)
  for _, id in ipairs(due) do
    ids[#ids + 1] = id
  end
  if #due > 0 then
    redis.call('ZREM', key.delayed, unpack(due))
  end
  room = room - #due
end

dismiss(key, ids)
pass_on(key, 100, ms)
bell(key, micro)
emit(key, ms)
return {#ids, room == 0 and 1 or 0}
