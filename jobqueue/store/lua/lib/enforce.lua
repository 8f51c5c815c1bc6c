--[[ Makes the limits of a gate take effect that have just been changed.
@uses tasks active jobs places slots ]]
--@include task_of
--@include limits_of
--@include hold_line
--@include loosen_line
--@include reopen
--@include wake_at
--@include ungate
--@include bell
local function enforce(key, gate, micro)
  local limits = limits_of(key, gate, {})
  local task = string.match(gate, '^task:(.*)$')
  if gate == 'queue' then
    if limits.concurrency or limits.interval then
      hold_line(key)
    else
      loosen_line(key, micro)
    end
  elseif task and (limits.paused or limits.concurrency or limits.interval) then
    if redis.call('SADD', key.tasks, task) == 1 then
      -- Those that run already count too. There are no more of them than the workers can run at once.
      local entries = redis.call('HGETALL', key.active)
      for at = 1, #entries, 2 do
        local id = entries[at]
        if task_of(redis.call('HGET', key.jobs, id)) == task then
          local lane = redis.call('HGET', key.places, id) or '/'
          redis.call('HSET', key.places, id, task .. '/' .. string.match(lane, '^[^/]*/(.*)$'))
          redis.call('ZADD', key.slots, 0, gate .. '|' .. id)
        end
      end
    end
  elseif task then
    ungate(key, task, {})
  end
  if gate == 'keys' then
    wake_at(key, 'keys', math.floor(micro / 1000)) -- there may be many of them: promote lets them in some at a time
  elseif gate ~= 'queue' then
    reopen(key, gate, {}, micro)
  end
  bell(key, micro)
end
