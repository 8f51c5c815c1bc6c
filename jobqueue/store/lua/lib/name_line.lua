--[[ Gives the line the name that it is to have: `held` while the queue is paused or limited, else `wait`. The bell goes;
whoever calls this rings it again if it must.

@uses wait meta held ]]
local function name_line(key)
  if redis.call('LINDEX', key.wait, -1) == '*' then
    redis.call('RPOP', key.wait)
  end
  local state = redis.call('HMGET', key.meta, 'paused', 'limited')
  if (state[1] or state[2]) and redis.call('EXISTS', key.wait) == 1 then
    redis.call('RENAME', key.wait, key.held)
  elseif not (state[1] or state[2]) and redis.call('EXISTS', key.held) == 1 then
    redis.call('RENAME', key.held, key.wait)
  end
end
