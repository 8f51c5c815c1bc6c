--[[ Finds whether a job will be told of the end of one that it waits for. Of one in another queue it cannot be known here:
that is `foreign`, if that queue has been told to tell.
@uses blocked inputs jobs stagings outgoing dependents ]]
--@include queue_of
--@include over
--@include spoken_of
local function audit_edge(key, member, seen, found)
  local id, queue, other, policy = string.match(member, '^([^|]*)|([^/|]*)/([^|]*)|([^|]*)')
  if not id or not redis.call('ZSCORE', key.blocked, id) or redis.call('HEXISTS', key.inputs, id .. '|' .. queue .. '/' .. other) == 1 then
    return
  end
  local own = queue_of(key.jobs)
  local detail = queue .. '/' .. other .. '|' .. policy
  if queue == '-' then
    if not redis.call('ZSCORE', key.stagings, other) and not spoken_of(key, other, seen) then
      found[#found + 1] = {'flow', id, other}
    end
  elseif queue ~= own then
    if redis.call('HEXISTS', key.outgoing, queue .. ' link ' .. other .. ' ' .. own .. '/' .. id .. ' ' .. policy) == 0 then
      found[#found + 1] = {'foreign', id, detail}
    end
  elseif over(key, other) then
    if not spoken_of(key, other, seen) then
      found[#found + 1] = {'untold', id, detail}
    end
  elseif not redis.call('ZSCORE', key.dependents, other .. '|' .. own .. '/' .. id .. '|' .. policy)
    and not spoken_of(key, other, seen) then
    found[#found + 1] = {'untold', id, detail}
  end
end
