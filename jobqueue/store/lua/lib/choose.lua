--[[ Chooses up to `n` jobs to start by the rules: limits, priorities, and turns that the keys take.
The lanes of the backlog stand in the ring by their pass: the one with the lowest is served, one job, and its pass grows
by its stride, which is smaller the more weight it has (stride scheduling, Waldspurger and Weihl 1995). The line, with
the priorities beside it, is one more lane. A lane whose key or task may not start another job leaves the ring.
@uses meta held wait deadlines tasks active places jobs traits backlog ring turns slots gated ]]
--@include digits
--@include living
--@include lane_of
--@include task_of
--@include enlane
--@include opening
--@include gates_of
--@include pay
--@include close
--@include reopen
--@include ungate
--@include expire
local function choose(key, n, ms, micro)
  local meta = redis.call('HMGET', key.meta, 'paused', 'limited', 'turn', 'plain')
  if meta[1] or n == 0 then
    return {}
  end
  local known, taken, late = {}, {}, {}
  local limited, turn, plain = meta[2], tonumber(meta[3] or 0), tonumber(meta[4] or 0)
  local line = limited and key.held or key.wait
  local timed, gated = redis.call('EXISTS', key.deadlines) == 1, redis.call('EXISTS', key.tasks) == 1
  local queue_limits = limits_of(key, 'queue', known)
  if queue_limits.concurrency then
    n = math.min(n, queue_limits.concurrency - redis.call('HLEN', key.active))
  end

  -- Whether a job may start from this lane. One whose task has a gate is moved to a lane of its own.
  local function starts(id, lane)
    local deadline = timed and redis.call('ZSCORE', key.deadlines, id)
    if deadline and tonumber(deadline) <= ms then
      redis.call('HDEL', key.places, id)
      late[#late + 1] = id
      return false
    end
    if gated and string.sub(lane, 1, 1) == '/' then
      local task = task_of(redis.call('HGET', key.jobs, id))
      if redis.call('SISMEMBER', key.tasks, task) == 1 then
        enlane(key, id, task .. lane, (lane_of(redis.call('HGET', key.traits, id))), 'moved')
        return false
      end
    end
    if deadline then
      redis.call('ZREM', key.deadlines, id)
    end
    pay(key, 'queue', known, micro)
    taken[#taken + 1] = id
    return true
  end

  local function from_backlog(first, last, count)
    local ids = {}
    for _, member in ipairs(redis.call('ZRANGEBYLEX', key.backlog, first, last, 'LIMIT', 0, count)) do
      redis.call('ZREM', key.backlog, member)
      ids[#ids + 1] = string.match(member, '[^|]+$')
      redis.call('HDEL', key.places, ids[#ids])
    end
    return ids
  end

  -- What has a priority above that of the line, then the line, then what has one below.
  local function from_line(count)
    local ids = from_backlog('[/|', '(/|5000000', count)
    local popped = #ids < count and redis.call('RPOP', line, count - #ids) or nil
    for _, id in ipairs(living(key, popped or {})) do
      ids[#ids + 1] = id
    end
    if #ids < count and not popped then
      for _, id in ipairs(from_backlog('[/|5000000', '(/}', count - #ids)) do
        ids[#ids + 1] = id
      end
    end
    return ids, popped ~= nil and popped ~= false
  end

  local function serve(lane, pass)
    local gates, task, name = gates_of(lane)
    for _, gate in ipairs(gates) do
      local open, at = opening(key, gate, known, micro)
      if not open then
        close(key, lane, pass, gate, at)
        for _, other in ipairs(gates) do
          if other ~= gate then
            reopen(key, other, known, micro) -- its turn is somebody else's
          end
        end
        return
      end
    end
    local id = from_backlog('[' .. lane .. '|', '(' .. lane .. '}', 1)[1]
    if not id then
      redis.call('ZREM', key.ring, lane)
      redis.call('ZADD', key.turns, digits(pass), lane)
      if task ~= '' then
        ungate(key, task, known)
      end
    elseif starts(id, lane) then
      redis.call('HSET', key.places, id, lane)
      for _, gate in ipairs(gates) do
        redis.call('ZADD', key.slots, 0, gate .. '|' .. id)
        pay(key, gate, known, micro)
      end
      local stride = 10000 / (gates[1] == 'key:' .. name and limits_of(key, gates[1], known).weight or 1)
      redis.call('ZADD', key.ring, digits(pass + stride), lane)
    end
    -- A key has several lanes if its jobs are of tasks with gates, and a task has one for each key.
    if redis.call('EXISTS', key.gated) == 1 then
      for _, gate in ipairs(gates) do
        reopen(key, gate, known, micro)
      end
    end
  end

  local dry, steps = false, 3 * n + 100
  while #taken < n and steps > 0 do
    steps = steps - 1
    if limited then
      local open, at = opening(key, 'queue', known, micro)
      if not open then
        if at then
          wake_at(key, 'queue', at)
        end
        break
      end
    end
    local head = redis.call('ZRANGE', key.ring, 0, 0, 'WITHSCORES')
    local pass = head[2] and tonumber(head[2])
    if not dry and (not pass or math.max(plain, turn) <= pass) then
      local count = (pass or queue_limits.interval) and 1 or n - #taken
      local ids, more = from_line(count)
      dry = #ids == 0 and not more
      if not dry then
        turn = math.max(plain, turn)
        local before = #taken
        for _, id in ipairs(ids) do
          starts(id, '/')
        end
        plain = turn + 10000 * (#taken - before)
      end
      steps = steps - #ids
    elseif pass then
      turn = math.max(turn, pass)
      serve(head[1], pass)
    else
      break
    end
  end
  redis.call('HSET', key.meta, 'turn', digits(turn), 'plain', digits(plain))
  local over = redis.call('ZRANGEBYSCORE', key.turns, '-inf', digits(turn), 'LIMIT', 0, 100)
  if #over > 0 then
    redis.call('ZREM', key.turns, unpack(over))
  end
  expire(key, late, ms)
  return taken
end
