--[[ Takes a job that has not begun out of where it waits. In the line it is left as a ghost, because finding it there
would take time in proportion to the line.
@uses delayed blocked parked places parking backlog ghosts ]]
local function withdraw(key, id, state)
  if state == 'delayed' or state == 'blocked' then
    local name = state == 'delayed' and key.delayed or key.blocked
    redis.call('ZREM', name, id)
    return
  end
  local parked = redis.call('HGET', key.parked, id)
  local place = not parked and redis.call('HGET', key.places, id)
  if parked then
    redis.call('ZREM', key.parking, string.match(parked, '^%S+') .. '|' .. id)
    redis.call('HDEL', key.parked, id)
  elseif place then
    redis.call('ZREM', key.backlog, place .. '|' .. id)
    redis.call('HDEL', key.places, id)
  else
    redis.call('SADD', key.ghosts, id)
  end
end
