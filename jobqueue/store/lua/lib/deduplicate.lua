--[[ Finds the job that stands in the place of a new one with the same deduplication key, and has it take over what the
new one brings if it is still to begin. An entry is `OWNER MODE UNTIL NEXT`; that a job was taken over is remembered for a
minute, as `=ID`, because its call may be sent again.
@uses dedup jobs outcomes active attempts blocking throttled delayed
@returns the id that stands, or nil; and for keep_last, the active job that the new one has to wait for ]]
--@include digits
--@include delay
--@include gather
--@include admit
local function deduplicate(key, id, text, steer, now)
  local mode, period, name = string.match(steer.dedup or '', '^([%a_]+):(%d+):(.+)$')
  local entry = mode and redis.call('HGET', key.dedup, name)
  if not entry then
    return nil
  end
  local owner, of, last, next = string.match(entry, '^(%S+) (%S+) (%S+) ?(%S*)$')
  if of ~= mode and (redis.call('HEXISTS', key.jobs, owner) == 0 or redis.call('HEXISTS', key.outcomes, owner) == 1) then
    return nil -- what a throttle has left
  end

  -- What has begun keeps its arguments, also while it waits for another attempt, or for jobs that it has added.
  local begun = redis.call('HEXISTS', key.active, owner) + redis.call('HEXISTS', key.attempts, owner)
    + redis.call('HEXISTS', key.blocking, owner) > 0

  local function starts(due)
    if due > now then
      delay(key, {digits(due), owner})
    else
      redis.call('ZREM', key.delayed, owner)
      admit(key, {owner})
    end
  end

  local function take_over(stands)
    if mode ~= 'aggregate' then
      redis.call('HSET', key.jobs, stands, text)
    end
    redis.call('HSET', key.dedup, '=' .. id, stands .. ' absorbed 0 ')
    redis.call('ZADD', key.throttled, digits(now + 60000), '=' .. id)
    return stands
  end

  if mode == 'until_done' then
    return owner
  elseif mode == 'throttle' then
    return tonumber(last) > now and owner or nil
  elseif mode == 'debounce' then
    if begun or not redis.call('ZSCORE', key.delayed, owner) then
      return nil
    end
    starts(now + period)
    return take_over(owner)
  elseif mode == 'aggregate' then
    if begun or not redis.call('ZSCORE', key.delayed, owner) then
      return nil
    end
    local due, taken = gather(key, owner, text, steer, now + period, now)
    starts(due)
    return taken and take_over(owner) or nil
  elseif next ~= '' then
    return take_over(next)
  elseif not begun then
    return take_over(owner)
  end
  return nil, owner
end
