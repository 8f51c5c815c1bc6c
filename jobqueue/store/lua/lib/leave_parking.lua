--[[ Takes up to `most` jobs out of parking whose topics lie in the ranges, of which each has a first and a last member as
ZRANGEBYLEX takes them.
@uses parking parked
@returns their ids; they lie nowhere any more ]]
--@include jot
local function leave_parking(key, ranges, most, now)
  local ids = {}
  for at = 1, #ranges, 2 do
    if #ids >= most then
      break
    end
    local members = redis.call('ZRANGEBYLEX', key.parking, ranges[at], ranges[at + 1], 'LIMIT', 0, most - #ids)
    for _, member in ipairs(members) do
      ids[#ids + 1] = string.match(member, '[^|]+$')
    end
    if #members > 0 then
      redis.call('ZREM', key.parking, unpack(members))
    end
  end
  if #ids > 0 then
    redis.call('HDEL', key.parked, unpack(ids))
    local entries = {}
    for index, id in ipairs(ids) do
      entries[index] = {id, 'unparked'}
    end
    jot(key, entries, now)
  end
  return ids
end
