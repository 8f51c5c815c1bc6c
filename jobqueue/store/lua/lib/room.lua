--[[ Whether the queue, or a key of it, has room for `count` more jobs. Jobs that run do not count. If the oldest are to
make room, they do if `drop` says so. The scope is `queue` or `key:KEY`.
@uses limits keyed slots jobs outcomes active held wait backlog places ghosts
@returns nil if there is room; else the milliseconds for which a producer should wait for some ]]
--@include record
--@include withdraw
--@include finish
local function room(key, scope, count, drop, now)
  if redis.call('EXISTS', key.limits) == 0 then
    return nil
  end
  local name = string.match(scope, '^key:(.*)$')
  local found = redis.call('HMGET', key.limits, 'max_size ' .. scope, 'on_full ' .. scope, 'max_size keys', 'on_full keys')
  local most, policy = tonumber(found[1] or name and found[3] or nil), found[2] or name and found[4] or 'reject'
  if not most then
    return nil
  end
  local size
  if name then
    size = redis.call('ZLEXCOUNT', key.keyed, '[' .. name .. '|', '(' .. name .. '}')
      - redis.call('ZLEXCOUNT', key.slots, '[' .. scope .. '|', '(' .. scope .. '}')
  else
    size = redis.call('HLEN', key.jobs) - redis.call('HLEN', key.outcomes) - redis.call('HLEN', key.active)
  end
  if size + count <= most then
    return nil
  elseif policy ~= 'drop_oldest' or count > most then
    return tonumber(string.match(policy, '^block (%d+)$')) or 0
  end

  -- The oldest of the first hundred that wait, by the time at which they were added.
  local candidates = {}
  if name then
    for _, member in ipairs(redis.call('ZRANGEBYLEX', key.keyed, '[' .. name .. '|', '(' .. name .. '}', 'LIMIT', 0, 100)) do
      candidates[#candidates + 1] = string.match(member, '[^|]+$')
    end
  else
    local line = redis.call('EXISTS', key.held) == 1 and key.held or key.wait
    local next_ones = redis.call('LRANGE', line, -100, -1)
    for index = #next_ones, 1, -1 do
      candidates[#candidates + 1] = next_ones[index]
    end
    for _, member in ipairs(redis.call('ZRANGE', key.backlog, 0, 99)) do
      candidates[#candidates + 1] = string.match(member, '[^|]+$')
    end
  end
  local waiting = {}
  for _, id in ipairs(candidates) do
    local lies = redis.call('HEXISTS', key.places, id) == 1 or not name and redis.call('SISMEMBER', key.ghosts, id) == 0
    if id ~= '*' and lies and redis.call('HEXISTS', key.active, id) == 0 then
      local added = string.match(redis.call('HGET', key.jobs, id) or '', '^{"at":(%d+)')
      waiting[#waiting + 1] = {id = id, added = tonumber(added) or 0, number = #waiting}
    end
  end
  table.sort(waiting, function(one, other)
    return one.added < other.added or one.added == other.added and one.number < other.number
  end)
  if #waiting < size + count - most then
    return 0
  end
  local why = '"it was the oldest, and the queue was full"'
  for index = 1, drop and size + count - most or 0 do
    local id = waiting[index].id
    withdraw(key, id, 'waiting')
    finish(key, 'cancelled', {{id = id, ttl = -1, record = record('cancelled', nil, now, nil, nil, why)}}, now)
  end
  return nil
end
