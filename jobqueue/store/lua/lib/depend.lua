--[[ Has a job wait for others. `edges` is a text of `POLICY:QUEUE/ID`, separated by commas; the job lies nowhere yet.
Those of another queue are told of it by way of the outbox.
@uses jobs blocking edges inputs outgoing control outcomes dependents ]]
--@include standing
--@include queue_of
local function depend(key, id, edges, due, now)
  local own = queue_of(key.jobs)
  local stand = redis.call('HGET', key.blocking, id)
  local remaining, failing = string.match(stand or '0 0', '^(%-?%d+) (%-?%d+)')
  remaining, failing = math.max(0, tonumber(remaining)), tonumber(failing)
  local cause
  local number = redis.call('ZLEXCOUNT', key.edges, '[' .. id .. '|', '(' .. id .. '}')
  if not stand and number > 0 then
    -- An earlier job of this id has left them, and they have not been swept up yet.
    for _, edge in ipairs(redis.call('ZRANGEBYLEX', key.edges, '[' .. id .. '|', '(' .. id .. '}')) do
      redis.call('ZREM', key.edges, edge)
      redis.call('HDEL', key.inputs, string.match(edge, '^[^|]*|[^|]*'))
    end
    number = 0
  end
  for policy, queue, other in string.gmatch(edges, '(%a+):([^/,]+)/([^,]+)') do
    local dependency = queue .. '/' .. other
    local edge = id .. '|' .. dependency
    local fresh = #redis.call('ZRANGEBYLEX', key.edges, '[' .. edge .. '|', '(' .. edge .. '}', 'LIMIT', 0, 1) == 0
    if fresh then
      redis.call('ZADD', key.edges, 0, edge .. '|' .. policy .. '|' .. number)
      number = number + 1
      redis.call('HDEL', key.inputs, id .. '|' .. dependency) -- what an earlier job of this id may have left
    end
    if fresh and queue == '-' then
      remaining = remaining + 1 -- the commit of a flow that is added in parts
    elseif fresh and queue ~= own then
      remaining = remaining + 1
      redis.call('HSET', key.outgoing, queue .. ' link ' .. other .. ' ' .. own .. '/' .. id .. ' ' .. policy, '')
      redis.call('PUBLISH', key.control, 'relay')
    elseif fresh then
      local ended = redis.call('HGET', key.outcomes, other)
      redis.call('ZADD', key.dependents, 0, other .. '|' .. own .. '/' .. id .. '|' .. policy)
      if ended or redis.call('HEXISTS', key.jobs, other) == 0 then
        redis.call('HSET', key.inputs, id .. '|' .. dependency, policy .. ' ' .. (ended or ''))
        if string.sub(ended or '', 1, 12) ~= '["completed"' and (policy == 'fail' or policy == 'cancel') then
          failing = failing + 1
          cause = dependency .. ', which it waits for, did not complete'
        end
      else
        remaining = remaining + 1
      end
    end
  end
  standing(key, id, remaining, failing, due, cause, now)
end
