--[[ Wakes a worker if there is work that the server does not hand out by itself: puts the bell, `*`, into the empty
`wait`. Whoever gets it claims by the rules, and rings again if there is more.
A bell for which there is no work any more is taken away.
@uses wait meta ring held backlog ]]
--@include opening
--@include wake_at
local function bell(key, micro)
  local rung = redis.call('LINDEX', key.wait, -1) == '*'
  if not rung and redis.call('EXISTS', key.wait) == 1 then
    return
  end
  local state = redis.call('HMGET', key.meta, 'paused', 'limited')
  if state[1] then
    return
  end
  local work = redis.call('EXISTS', key.ring) == 1 or state[2] and redis.call('EXISTS', key.held) == 1
    or #redis.call('ZRANGEBYLEX', key.backlog, '[/|', '(/}', 'LIMIT', 0, 1) > 0
  local open, at = false, nil
  if work then
    open, at = opening(key, 'queue', {}, micro)
  end
  if open and not rung then
    redis.call('LPUSH', key.wait, '*')
  elseif rung and not open then
    redis.call('RPOP', key.wait)
  end
  if at then
    wake_at(key, 'queue', at)
  end
end
