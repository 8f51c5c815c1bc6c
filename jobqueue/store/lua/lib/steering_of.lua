--[[ Takes the words apart that steer a job: `name=value`.
@returns a table of them ]]
local function steering_of(words)
  local found = {}
  for name, value in string.gmatch(words, '(%a+)=(%S+)') do
    found[name] = value
  end
  return found
end
