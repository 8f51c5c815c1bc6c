--[[ Forgets that a task has a gate of its own, if it has no limits any more and none of its jobs wait apart. Until then
they keep together, so that they keep their order.
@uses backlog tasks ]]
--@include limits_of
local function ungate(key, task, known)
  local limits = limits_of(key, 'task:' .. task, known)
  local open = not (limits.paused or limits.concurrency or limits.interval)
  if open and not redis.call('ZRANGEBYLEX', key.backlog, '[' .. task .. '/', '(' .. task .. '0', 'LIMIT', 0, 1)[1] then
    redis.call('SREM', key.tasks, task)
  end
end
