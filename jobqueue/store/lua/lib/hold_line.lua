--[[ Has the line handed out by the rules only, and not by the server as it comes.
@uses wait held meta ]]
local function hold_line(key)
  if redis.call('LINDEX', key.wait, -1) == '*' then
    redis.call('RPOP', key.wait)
  end
  if redis.call('EXISTS', key.wait) == 1 then
    redis.call('RENAME', key.wait, key.held)
  end
  redis.call('HSET', key.meta, 'limited', '1')
end
