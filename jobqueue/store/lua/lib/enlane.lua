--[[ Puts a job into a lane of the backlog: at the `end` of those of its priority, at their `head`, or before those that were
put at the end but behind those that were `moved` here earlier: from where jobs lay before their task had a gate.
A lane is `TASK/KEY`; the task is there only if it has a gate of its own. The lane `/` is that of the line.
Priorities are turned round, so that the members of the backlog are in the order in which they are to run.
@uses meta backlog places ]]
--@include join
local function enlane(key, id, lane, priority, where)
  local number = redis.call('HINCRBY', key.meta, 'sequence', 1)
  local offset = where == 'head' and -200000000000000 - number or where == 'moved' and number - 100000000000000 or number
  local place = lane .. '|' .. string.format('%07.0f%015.0f', 5000000 - priority, 500000000000000 + offset)
  redis.call('ZADD', key.backlog, 0, place .. '|' .. id)
  redis.call('HSET', key.places, id, place)
  if lane ~= '/' then
    join(key, lane)
  end
end
