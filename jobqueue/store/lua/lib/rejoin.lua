--[[ Gives a job that is to live again what it had let go of; false if its deduplication key has another owner by now.
Jobs that failed with it are told.
@uses owning dedup traits keyed dependents outbox control ]]
--@include lane_of
local function rejoin(key, id)
  local mode, owned = string.match(redis.call('HGET', key.owning, id) or '', '^(%S+) (%S+)$')
  local owner = owned and string.match(redis.call('HGET', key.dedup, owned) or '', '^%S+')
  if owner and owner ~= id and mode ~= 'throttle' then
    return false
  end
  if owned and not owner then
    redis.call('HSET', key.dedup, owned, id .. ' ' .. mode .. ' 0 ')
  end
  local _, name = lane_of(redis.call('HGET', key.traits, id))
  if name ~= '' then
    redis.call('ZADD', key.keyed, 0, name .. '|' .. id)
  end
  if #redis.call('ZRANGEBYLEX', key.dependents, '[' .. id .. '|', '(' .. id .. '}', 'LIMIT', 0, 1) > 0 then
    redis.call('RPUSH', key.outbox, 'revive ' .. id)
    redis.call('PUBLISH', key.control, 'relay')
  end
  return true
end
