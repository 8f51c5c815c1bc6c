--[[ Takes a job out of one of several places in which it lies. In the line it is left as a ghost; `rest` is its member in
the backlog, if that is not the one of `places`.
@uses ghosts active cancelling completed failed cancelled expiring blocked delayed parked parking places
@uses backlog ]]
--@include leave_lane
--@include unindex_errors
local function take_from(key, id, place, rest, micro)
  if place == 'line' or place == 'inbox' then
    redis.call('SADD', key.ghosts, id)
  elseif place == 'active' then
    redis.call('HDEL', key.active, id)
    redis.call('HDEL', key.cancelling, id)
    leave_lane(key, {id}, micro)
  elseif place == 'completed' or place == 'failed' or place == 'cancelled' then
    if place == 'failed' then
      unindex_errors(key, {id})
    end
    local ended = place == 'completed' and key.completed or place == 'failed' and key.failed or key.cancelled
    redis.call('ZREM', ended, id)
    redis.call('ZREM', key.expiring, id)
  elseif place == 'blocked' then
    redis.call('ZREM', key.blocked, id)
  elseif place == 'delayed' then
    redis.call('ZREM', key.delayed, id)
  elseif place == 'parked' then
    local topic = string.match(redis.call('HGET', key.parked, id) or '', '^%S+')
    redis.call('ZREM', key.parking, (topic or '') .. '|' .. id)
    redis.call('HDEL', key.parked, id)
  elseif place == 'backlog' then
    local lies = redis.call('HGET', key.places, id)
    local member = rest ~= '' and rest or (lies or '') .. '|' .. id
    redis.call('ZREM', key.backlog, member)
    if lies and member == lies .. '|' .. id then
      redis.call('HDEL', key.places, id)
    end
  end
end
