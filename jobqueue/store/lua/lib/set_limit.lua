--[[ Enters what a limit is from now on; `-` is no limit.
@uses limits ]]
local function set_limit(key, field, value)
  if value == '-' then
    redis.call('HDEL', key.limits, field)
  else
    redis.call('HSET', key.limits, field, value)
  end
end
