--[[ Lets jobs wait for their turn: at the end of the line or (`front`) at its head. Those that have a priority, a
key, or a task with a gate, wait in the backlog instead.
@uses traits tasks jobs ]]
--@include line_up
--@include lane_of
--@include task_of
--@include enlane
local function admit(key, ids, front)
  if #ids == 0 then
    return
  end
  if redis.call('EXISTS', key.traits, key.tasks) > 0 then
    local plain, gated = {}, redis.call('EXISTS', key.tasks) == 1
    for _, id in ipairs(ids) do
      local traits = redis.call('HGET', key.traits, id)
      local task = gated and task_of(redis.call('HGET', key.jobs, id)) or ''
      if gated and redis.call('SISMEMBER', key.tasks, task) == 0 then
        task = ''
      end
      if traits or task ~= '' then
        local priority, name = lane_of(traits)
        enlane(key, id, task .. '/' .. name, priority, front)
      else
        plain[#plain + 1] = id
      end
    end
    ids = plain
  end
  line_up(key, ids, front)
end
