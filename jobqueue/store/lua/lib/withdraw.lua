--[[ Takes a job that has not begun out of where it waits. In the line it is left as a ghost, because finding it there
would take time in proportion to the line.
@uses delayed parked parking ghosts ]]
local function withdraw(key, id, state)
  if state == 'delayed' then
    redis.call('ZREM', key.delayed, id)
    return
  end
  local parked = redis.call('HGET', key.parked, id)
  if parked then
    redis.call('ZREM', key.parking, string.match(parked, '^%S+') .. '|' .. id)
    redis.call('HDEL', key.parked, id)
  else
    redis.call('SADD', key.ghosts, id)
  end
end
