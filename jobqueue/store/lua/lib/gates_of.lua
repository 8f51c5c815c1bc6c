--[[ The gates that the jobs of a lane pass: that of their key and that of their task, if the lane has them.
@returns a list of gates; the task; the key ]]
local function gates_of(lane)
  local task, name = string.match(lane, '^([^/]*)/(.*)$')
  local gates = {}
  if name ~= '' then
    gates[1] = 'key:' .. name
  end
  if task ~= '' then
    gates[#gates + 1] = 'task:' .. task
  end
  return gates, task, name
end
