--[[ The gates that a job passes which comes from a lane. ]]
local function gates_of(lane)
  local task, name = string.match(lane or '', '^([^/|]*)/([^|]*)')
  local gates = {}
  if task and task ~= '' then
    gates[1] = 'task:' .. task
  end
  if name and name ~= '' then
    gates[#gates + 1] = 'key:' .. name
  end
  return gates
end
