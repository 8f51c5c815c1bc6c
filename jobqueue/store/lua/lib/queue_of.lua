--[[ The name of the queue that the keys belong to: they all begin with `{prefix:queue}`. ]]
local function queue_of(name)
  return string.match(name, '^.[^:]*:([^}]*)')
end
