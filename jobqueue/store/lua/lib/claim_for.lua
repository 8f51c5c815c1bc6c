--[[ Gives a worker up to `n` jobs, or again those it was given when this very request was answered before.
The answer is remembered together with the verdicts on what the worker settled in the same call, because the reply may
be lost. `memory` is what lib/remembered.lua knows.
A server that lost its latest writes, in a power cut or a failover, may take jobs for active that the worker has long
settled, or was never given. It shows in an older request being the last one known (`forgotten`): then nothing is given
out until the worker has compared what it holds with what the server knows.
`lean` is whether nothing steers the queue, see lib/lean.lua; `bare`, whether moreover its line is empty and none of its
jobs was run before; `landed`, whether there may be something in the worker's inbox.
`ask` is {worker = , request = , n = , verdicts = , memory = , forgotten = , lean = , bare = , landed = }.
@uses workers claims jobs attempts active
@returns {1 if the worker's lease is live, 0 if not, 2 if it is and the server has forgotten an answer, now, verdicts, ids that had no specification,
  id, token, specification, counters, ...} ]]
--@include digits
--@include holding
--@include take
--@include leave_lane
--@include bell
--@include happened
--@include emit
local function claim_for(key, ask, now, micro)
  local worker, memory = ask.worker, ask.memory
  local before = memory.ids
  local reply = {1, digits(now), ask.verdicts, 0}
  local lease = redis.call('ZSCORE', key.workers, worker)
  if tonumber(lease or 0) <= now then
    reply[1] = 0
  elseif ask.forgotten then
    reply[1] = 2
  end
  -- What was given out before is told again, with or without a lease: it is nobody else's yet.
  if reply[1] ~= 1 and not before then
    if lease and not ask.forgotten then
      -- What was settled here counts as answered: a server that does not know of it has lost it.
      redis.call('HSET', key.claims, worker, table.concat({ask.request, ask.verdicts, '0'}, ' '))
    end
    bell(key, micro)
    emit(key, now, worker)
    return reply
  end

  local ids, first, rules = {}, 0, false
  if before then
    ids, first = before, memory.first
  else
    ids, rules = take(key, ask, now, micro)
    -- Never below the server's clock, so that tokens also grow when a failover has lost the counter.
    first = math.max(memory.token + 1, micro)
    local answer = table.concat({ask.request, ask.verdicts, digits(first), unpack(ids)}, ' ')
    local last = #ids > 0 and {'token', digits(first + #ids - 1)} or {}
    redis.call('HSET', key.claims, worker, answer, unpack(last))
  end

  local specifications = #ids > 0 and redis.call('HMGET', key.jobs, unpack(ids)) or {}
  local bookkeeping = #ids > 0 and not ask.bare and redis.call('HMGET', key.attempts, unpack(ids)) or {}
  local held = before and #ids > 0 and redis.call('HMGET', key.active, unpack(ids))
  local entries, given, place = {}, {}, 4
  local given_to = ' ' .. digits(now) .. ' ' .. worker
  for index, id in ipairs(ids) do
    local token = string.format('%d', first + index - 1) -- faster, and it is whole
    if held and holding(held[index]) ~= token then
      -- Settled or taken back since.
    elseif not specifications[index] then
      -- The server has lost the job's text (eviction, or a hand in the data): nothing is left to run.
      reply[4] = reply[4] + 1
      leave_lane(key, {id}, micro)
    else
      given[#given + 1] = id
      entries[2 * #given - 1], entries[2 * #given] = id, token .. given_to
      local counters = bookkeeping[index]
      reply[place + 1], reply[place + 2], reply[place + 3] = id, token, specifications[index]
      reply[place + 4] = counters and string.match(counters, '^[%d ]*') or ''
      place = place + 4
    end
  end
  if not before and #given > 0 then
    redis.call('HSET', key.active, unpack(entries))
    if not ask.lean then
      happened(key, 'started', given)
    end
  end
  if rules then
    bell(key, micro)
  end
  emit(key, now, worker)
  return reply
end
