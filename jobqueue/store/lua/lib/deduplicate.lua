--[[ Finds the job that stands in the place of a new one with the same deduplication key, and has it take over what the
new one brings if it is still to begin. An entry is `OWNER MODE UNTIL NEXT`; that a job was taken over is remembered for a
minute, as `=ID`, because its call may be sent again.
@uses dedup jobs outcomes throttled delayed active
@returns the id that stands, or nil; and for keep_last, the active job that the new one has to wait for ]]
--@include digits
--@include delay
--@include gather
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

  local function take_over(stands, due)
    if mode ~= 'aggregate' then
      redis.call('HSET', key.jobs, stands, text)
    end
    redis.call('HSET', key.dedup, '=' .. id, stands .. ' absorbed 0 ')
    redis.call('ZADD', key.throttled, digits(now + 60000), '=' .. id)
    if due then
      delay(key, {digits(due), stands})
    end
    return stands
  end

  if mode == 'until_done' then
    return owner
  elseif mode == 'throttle' then
    return tonumber(last) > now and owner or nil
  elseif mode == 'debounce' then
    return redis.call('ZSCORE', key.delayed, owner) and take_over(owner, now + period) or nil
  elseif mode == 'aggregate' then
    if not redis.call('ZSCORE', key.delayed, owner) then
      return nil
    end
    return take_over(owner, gather(key, owner, text, steer, now + period, now))
  elseif redis.call('HEXISTS', key.active, owner) == 0 then
    return take_over(owner)
  elseif next ~= '' then
    return take_over(next)
  end
  return nil, owner
end
