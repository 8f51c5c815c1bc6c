--[[ The gates that the jobs of a lane pass: that of their key and that of their task, if the lane has them. A place in a lane,
which has a rank as well, will do.
@returns a list of gates; the task; the key ]]
local function gates_of(lane)
  local task, name = string.match(lane or '', '^([^/|]*)/([^|]*)')
  local gates = {}
  if name and name ~= '' then
    gates[1] = 'key:' .. name
  end
  if task and task ~= '' then
    gates[#gates + 1] = 'task:' .. task
  end
  return gates, task or '', name or ''
end
