--[[ Calls a command with many arguments, in pieces that fit Lua's stack (about 8,000 values). ]]
local function each_chunk(command, name, values)
  for first = 1, #values, 1000 do
    redis.call(command, name, unpack(values, first, math.min(first + 999, #values)))
  end
end
