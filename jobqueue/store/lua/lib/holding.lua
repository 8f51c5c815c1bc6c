--[[ Takes an entry of `active` apart.
@returns token, start in milliseconds, worker; or nil ]]
local function holding(entry)
  if not entry then
    return nil
  end
  return string.match(entry, '^(%d+) (%d+) (.+)$')
end
