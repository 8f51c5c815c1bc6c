--[[ Takes what the store knows of the order of a job apart: `PRIORITY|KEY`, of which either may be missing.
@returns priority, key ]]
local function lane_of(traits)
  if not traits then
    return 0, ''
  end
  local priority, name = string.match(traits, '^(-?%d*)|(.*)$')
  return tonumber(priority) or 0, name
end
