--[[ The name of the task in a specification. It comes first, after the time: a specification is not decoded here. ]]
local function task_of(specification)
  return specification and string.match(specification, '"task":"([^"]*)"') or ''
end
