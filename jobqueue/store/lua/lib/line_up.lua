--[[ Puts jobs without priority or key into the line, at its end or (`front`) at its head. While the queue is paused or
limited, the line is `held`; else it is `wait`, from which the server hands jobs out as they come.
An id that was cancelled or removed while it waited still lies in the line as a ghost: it is revived where it lies.
@uses ghosts meta held wait
@returns whether the line is held ]]
--@include each_chunk
local function line_up(key, ids, front)
  if redis.call('EXISTS', key.ghosts) == 1 then
    local fresh = {}
    for _, id in ipairs(ids) do
      if redis.call('SREM', key.ghosts, id) == 0 then
        fresh[#fresh + 1] = id
      end
    end
    ids = fresh
  end
  if #ids == 0 then
    return false
  end
  local state = redis.call('HMGET', key.meta, 'paused', 'limited', 'events')
  key[0] = state[3] or '' -- for lib/happened.lua, which comes next
  if state[1] or state[2] then
    each_chunk(front and 'RPUSH' or 'LPUSH', key.held, ids)
    return true
  end
  if front and redis.call('LINDEX', key.wait, -1) == '*' then
    redis.call('RPOP', key.wait) -- the jobs themselves wake whom the bell would have woken
  end
  each_chunk(front and 'RPUSH' or 'LPUSH', key.wait, ids)
  return false
end
