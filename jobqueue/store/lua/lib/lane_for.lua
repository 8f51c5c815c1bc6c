--[[ The lane in which a job is to wait; nil for a plain one, whose place is the line.
@uses traits jobs tasks
@returns lane or nil, priority ]]
--@include lane_of
--@include task_of
local function lane_for(key, id, gated)
  local traits = redis.call('HGET', key.traits, id)
  local task = gated and task_of(redis.call('HGET', key.jobs, id)) or ''
  if gated and redis.call('SISMEMBER', key.tasks, task) == 0 then
    task = ''
  end
  if not traits and task == '' then
    return nil, 0
  end
  local priority, name = lane_of(traits)
  return task .. '/' .. name, priority
end
