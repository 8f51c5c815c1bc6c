--[[ Mends what lib/audit_page.lua has found in the same call, if it is of jobs and what belongs to them.
@uses outcomes claims backlog places parked parking failed waiters finished jobs dependents outbox control
@uses blocked blocking wait held
@returns whether it is such, and was mended ]]
--@include lies_in
--@include living
--@include admit
--@include take_from
--@include keep_one
--@include write_end
--@include take_back
--@include index_errors
--@include let_go
--@include forget
--@include queue_of
--@include standing
local function mend(key, code, id, detail, now, micro)
  if code == 'scattered' then
    keep_one(key, id, detail, micro)
  elseif code == 'orphan' then
    local place, rest = string.match(detail, '^(%a+) ?(.*)$')
    take_from(key, id, place, rest, micro)
    let_go(key, {id})
    forget(key, {id})
  elseif code == 'unrecorded' then
    write_end(key, id, detail)
  elseif code == 'unended' then
    redis.call('HDEL', key.outcomes, id)
  elseif code == 'abandoned' then
    take_back(key, id, now, micro)
  elseif code == 'token' then
    if tonumber(detail) > tonumber(redis.call('HGET', key.claims, 'token') or 0) then
      redis.call('HSET', key.claims, 'token', detail)
    end
  elseif code == 'misplaced' then
    if not redis.call('ZSCORE', key.backlog, detail .. '|' .. id) then
      redis.call('HDEL', key.places, id)
    elseif #lies_in(key, id) == 0 then
      redis.call('HSET', key.places, id, detail)
    else
      redis.call('ZREM', key.backlog, detail .. '|' .. id)
    end
  elseif code == 'unparked' then
    if redis.call('HEXISTS', key.parked, id) == 1 then
      redis.call('ZADD', key.parking, 0, detail .. '|' .. id)
    end
  elseif code == 'unindexed' then
    if redis.call('ZSCORE', key.failed, id) then
      index_errors(key, {{id = id, record = redis.call('HGET', key.outcomes, id)}})
    end
  elseif code == 'unanswered' then
    redis.call('SREM', key.waiters, id)
    redis.call('PUBLISH', key.finished .. ':' .. id, redis.call('HGET', key.outcomes, id) or '')
  elseif code == 'untold' then
    local own = queue_of(key.jobs)
    local other, policy = string.match(detail, '^[^/]*/([^|]*)|(.*)$')
    redis.call('ZADD', key.dependents, 0, other .. '|' .. own .. '/' .. id .. '|' .. policy)
    redis.call('RPUSH', key.outbox, 'end ' .. other) -- if it has not ended, that says nothing
    redis.call('PUBLISH', key.control, 'relay')
  elseif code == 'miscounted' then
    if redis.call('ZSCORE', key.blocked, id) then
      local failing, due = string.match(redis.call('HGET', key.blocking, id) or '', '^%-?%d+ (%-?%d+) ?(.*)$')
      standing(key, id, tonumber(detail), tonumber(failing or 0), due or '', nil, now)
    end
  elseif code == 'line' then
    local line = id == 'wait' and key.wait or key.held
    admit(key, living(key, redis.call('RPOP', line, 100) or {}))
  elseif code == 'bell' then
    local line = detail == 'wait' and key.wait or key.held
    redis.call('LREM', line, 1, '*')
  else
    return false
  end
  return true
end
