--[[ The time, in milliseconds, that is meant by "+5000" (from now) or "1763700000000". ]]
local function time_of(text, now)
  if string.sub(text, 1, 1) == '+' then
    return now + tonumber(string.sub(text, 2))
  end
  return tonumber(text)
end
