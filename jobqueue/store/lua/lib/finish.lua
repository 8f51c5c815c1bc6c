--[[ Ends jobs: keeps how they ended, and tells those who wait for it. The one way into an end state, but for
lib/complete.lua, which is a shorter one for what is most frequent.
`ended` is a list of {id = , record = , ttl = milliseconds it is kept, -1 as long as the queue keeps them}.
@uses dependents outcomes expiring cancelling waiters finished completed failed cancelled ]]
--@include digits
--@include each_chunk
--@include forget
--@include index_errors
--@include let_go
--@include happened
local function finish(key, state, ended, now, kind)
  if #ended == 0 then
    return
  end
  local ids, outcomes, scores, expiries, unkept, kept = {}, {}, {}, {}, {}, {}
  local moment = digits(now)
  local awaited = redis.call('EXISTS', key.dependents) == 1
  for index, job in ipairs(ended) do
    ids[index] = job.id
    local ttl = job.ttl
    if awaited and ttl >= 0 and ttl < 60000 then
      -- Long enough for those that depend on it to be told how it ended.
      ttl = 60000
    end
    if ttl == 0 then
      unkept[#unkept + 1] = job.id
    else
      kept[#kept + 1] = job
      outcomes[#outcomes + 1] = job.id
      outcomes[#outcomes + 1] = job.record
      scores[#scores + 1] = moment
      scores[#scores + 1] = job.id
      if ttl > 0 then
        expiries[#expiries + 1] = digits(now + ttl)
        expiries[#expiries + 1] = job.id
      end
    end
  end
  each_chunk('HSET', key.outcomes, outcomes)
  each_chunk('ZADD', key[state], scores)
  each_chunk('ZADD', key.expiring, expiries)
  if state == 'failed' then
    index_errors(key, kept)
  end
  happened(key, kind or state, ids)
  let_go(key, ids)
  forget(key, unkept)
  if redis.call('EXISTS', key.cancelling) == 1 then
    each_chunk('HDEL', key.cancelling, ids)
  end
  if redis.call('EXISTS', key.waiters) == 1 then
    for _, job in ipairs(ended) do
      if redis.call('SREM', key.waiters, job.id) == 1 then
        redis.call('PUBLISH', key.finished .. ':' .. job.id, job.record)
      end
    end
  end
end
