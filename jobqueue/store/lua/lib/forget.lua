--[[ Deletes everything that is kept of jobs, but for their ids in lists and sorted sets. What binds them to other jobs is
swept up bit by bit, and how they ended stays until those that depend on them have been told.

@uses jobs attempts progress logs traits owning aggregates blocking dependents notes outcomes edges outbox control ]]
--@include each_chunk
local function forget(key, ids)
  if #ids == 0 then
    return
  end
  for _, column in ipairs({key.jobs, key.attempts, key.progress, key.logs}) do
    each_chunk('HDEL', column, ids)
  end
  if redis.call('EXISTS', key.traits, key.owning, key.aggregates, key.blocking, key.dependents, key.notes) == 0 then
    each_chunk('HDEL', key.outcomes, ids)
    return
  end
  for _, column in ipairs({key.traits, key.owning, key.aggregates, key.blocking, key.notes}) do
    each_chunk('HDEL', column, ids)
  end
  for _, id in ipairs(ids) do
    local bound = false
    for _, bonds in ipairs({key.edges, key.dependents}) do
      bound = bound or #redis.call('ZRANGEBYLEX', bonds, '[' .. id .. '|', '(' .. id .. '}', 'LIMIT', 0, 1) > 0
    end
    if bound then
      redis.call('RPUSH', key.outbox, 'sweep ' .. id)
      redis.call('PUBLISH', key.control, 'relay')
    else
      redis.call('HDEL', key.outcomes, id)
    end
  end
end
