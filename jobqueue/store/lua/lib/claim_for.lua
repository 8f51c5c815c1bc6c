--[[ Gives a worker up to `n` jobs, or again those it was given when this very request was answered before.
The answer is remembered together with the verdicts on what the worker settled in the same call, because the reply may
be lost. `before` is that memory, or nil.
A server that lost its latest writes, in a power cut or a failover, may take jobs for active that the worker has long
settled, or was never given. It shows in an older request being the last one known (`forgotten`): then nothing is given
out until the worker has compared what it holds with what the server knows.
@uses workers meta claims jobs attempts active
@returns {1 if the worker's lease is live, 0 if not, 2 if it is and the server has forgotten an answer, now, verdicts, ids that had no specification,
  id, token, specification, counters, ...} ]]
--@include digits
--@include holding
--@include take
--@include leave_lane
--@include bell
--@include happened
--@include emit
local function claim_for(key, worker, request, n, verdicts, before, forgotten, now, micro)
  local reply = {1, digits(now), verdicts, 0}
  local lease = redis.call('ZSCORE', key.workers, worker)
  if tonumber(lease or 0) <= now then
    reply[1] = 0
  elseif forgotten then
    reply[1] = 2
  end
  -- What was given out before is told again, with or without a lease: it is nobody else's yet.
  if reply[1] ~= 1 and not before then
    if lease and not forgotten then
      -- What was settled here counts as answered: a server that does not know of it has lost it.
      redis.call('HSET', key.claims, worker, table.concat({request, verdicts, '0'}, ' '))
    end
    bell(key, micro)
    emit(key, now, worker)
    return reply
  end

  local ids, first, rules = {}, 0, false
  if before then
    ids, first = before.ids, before.first
  else
    ids, rules = take(key, n, now, micro)
    -- Never below the server's clock, so that tokens also grow when a failover has lost the counter.
    first = math.max(tonumber(redis.call('HGET', key.meta, 'token') or 0) + 1, micro)
    redis.call('HSET', key.claims, worker, table.concat({request, verdicts, digits(first), unpack(ids)}, ' '))
  end

  local specifications = #ids > 0 and redis.call('HMGET', key.jobs, unpack(ids)) or {}
  local bookkeeping = #ids > 0 and redis.call('HMGET', key.attempts, unpack(ids))
  local held = before and #ids > 0 and redis.call('HMGET', key.active, unpack(ids))
  local entries, given = {}, {}
  for index, id in ipairs(ids) do
    local token = digits(first + index - 1)
    if held and holding(held[index]) ~= token then
      -- Settled or taken back since.
    elseif not specifications[index] then
      -- The server has lost the job's text (eviction, or a hand in the data): nothing is left to run.
      reply[4] = reply[4] + 1
      leave_lane(key, {id}, micro)
    else
      entries[#entries + 1] = id
      given[#given + 1] = id
      entries[#entries + 1] = token .. ' ' .. digits(now) .. ' ' .. worker
      reply[#reply + 1] = id
      reply[#reply + 1] = token
      reply[#reply + 1] = specifications[index]
      reply[#reply + 1] = string.match(bookkeeping[index] or '', '^[%d ]*')
    end
  end
  if not before and #ids > 0 then
    redis.call('HSET', key.meta, 'token', digits(first + #ids - 1))
    if #entries > 0 then
      redis.call('HSET', key.active, unpack(entries))
      happened(key, 'started', given)
    end
  end
  if rules then
    bell(key, micro)
  end
  emit(key, now, worker)
  return reply
end
