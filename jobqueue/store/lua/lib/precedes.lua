--[[ Whether one text comes before another byte by byte, as a sorted set has it; `<` goes by the language of the server. ]]
local function precedes(one, other)
  for at = 1, math.min(#one, #other) do
    local first, second = string.byte(one, at), string.byte(other, at)
    if first ~= second then
      return first < second
    end
  end
  return #one < #other
end
