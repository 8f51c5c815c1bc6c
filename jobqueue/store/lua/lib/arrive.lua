--[[ Tells a job that one which it waits for has ended. `dependency` is `QUEUE/ID`; the record is empty if it was removed.
It counts once, however often it is told.
@uses blocking inputs blocked outbox control ]]
--@include standing
local function arrive(key, id, dependency, policy, text, now)
  local stand = redis.call('HGET', key.blocking, id)
  if not stand or redis.call('HSETNX', key.inputs, id .. '|' .. dependency, policy .. ' ' .. text) == 0 then
    return
  end
  local remaining, failing, due = string.match(stand, '^(%-?%d+) (%-?%d+) ?(.*)$')
  remaining, failing = remaining - 1, tonumber(failing)
  local fails = string.sub(text, 1, 12) ~= '["completed"' and (policy == 'fail' or policy == 'cancel')
  if fails then
    failing = failing + 1
  end
  if redis.call('ZSCORE', key.blocked, id) then
    local how = text == '' and 'was removed' or 'has ' .. (string.match(text, '^%["(%a+)"') or 'ended')
    how = string.gsub(how, 'has cancelled', 'was cancelled')
    standing(key, id, remaining, failing, due, dependency .. ', which it waits for, ' .. how, now)
    if fails and policy == 'cancel' then
      redis.call('RPUSH', key.outbox, 'stop ' .. id .. ' "another job beside it has not completed"')
      redis.call('PUBLISH', key.control, 'relay')
    end
  else
    redis.call('HSET', key.blocking, id, remaining .. ' ' .. failing .. ' ' .. due)
  end
end
