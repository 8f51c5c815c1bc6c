--[[ Let parked jobs start again, some at a time, because there is a worker now that may be able to run them.

@key parked hash
@key parking zset
@rest ranges 2 the first and the last member of `parking` that is meant, as ZRANGEBYLEX takes them
@flags allow-oom
@repeat safe
@returns how many were unparked; 0 when there are no more ]]
--@include clock
--@include admit
--@include bell
local _, micro = clock(now)
if redis.call('EXISTS', key.parking) == 0 then
  return 0
end
local ids = {}
for at = rest, #ARGV, 2 do
  if #ids >= 100 then
    break
  end
  local members = redis.call('ZRANGEBYLEX', key.parking, ARGV[at], ARGV[at + 1], 'LIMIT', 0, 100 - #ids)
  for _, member in ipairs(members) do
    ids[#ids + 1] = string.match(member, '[^|]+$')
  end
  if #members > 0 then
    redis.call('ZREM', key.parking, unpack(members))
  end
end
if #ids > 0 then
  redis.call('HDEL', key.parked, unpack(ids))
  admit(key, ids)
  bell(key, micro)
end
return #ids
