--[[ Has the line handed out by the rules only, and not by the server as it comes.
@uses meta ]]
--@include name_line
local function hold_line(key)
  redis.call('HSET', key.meta, 'limited', '1')
  name_line(key)
end
