--[[ Lets jobs wait for their turn: at the end of the line or (`front`) at its head. Those that have a priority, a
key, or a task with a gate, wait in the backlog instead.
@uses traits tasks ]]
--@include line_up
--@include lane_for
--@include enlane
local function admit(key, ids, front)
  if #ids == 0 then
    return
  end
  if redis.call('EXISTS', key.traits, key.tasks) > 0 then
    local plain, gated = {}, redis.call('EXISTS', key.tasks) == 1
    for _, id in ipairs(ids) do
      local lane, priority = lane_for(key, id, gated)
      if lane then
        enlane(key, id, lane, priority, front and 'head' or 'end')
      else
        plain[#plain + 1] = id
      end
    end
    ids = plain
  end
  line_up(key, ids, front)
end
