--[[ Lets the server hand out the line again, unless the queue is limited or paused still.
@uses pace meta wait held ]]
--@include limits_of
local function loosen_line(key, micro)
  local limits = limits_of(key, 'queue', {})
  if limits.concurrency or limits.interval or tonumber(redis.call('ZSCORE', key.pace, 'queue') or 0) > micro then
    return
  end
  if redis.call('HDEL', key.meta, 'limited') == 0 or redis.call('HEXISTS', key.meta, 'paused') == 1 then
    return
  end
  if redis.call('LINDEX', key.wait, -1) == '*' then
    redis.call('RPOP', key.wait)
  end
  if redis.call('EXISTS', key.held) == 1 then
    redis.call('RENAME', key.held, key.wait)
  end
end
