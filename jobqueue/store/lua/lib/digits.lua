--[[ A whole number as text. Lua's own conversion would write large ones as 1.7e+15. ]]
local function digits(number)
  return string.format('%.0f', number)
end
