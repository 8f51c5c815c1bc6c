--[[ Mends what lib/audit_page.lua has found in the same call, if it is of limits, schedules, workers, or left over.
@uses attempts outcomes progress logs notes traits owning aggregates blocking places cancelling firings fired outstanding
@uses worker_info claims orders declaring deadlines expiring parking fingerprints upcoming keyed active slots gated
@uses closed ring dedup control tombstones ]]
--@include digits
--@include lane_of
--@include over
--@include join
--@include reopen
--@include gates_of
local function mend_rules(key, code, id, detail, now, micro)
  if code == 'leftover' then
    local hashes = {attempts = key.attempts, outcomes = key.outcomes, progress = key.progress, logs = key.logs, notes = key.notes, traits = key.traits, owning = key.owning, aggregates = key.aggregates, blocking = key.blocking, places = key.places, cancelling = key.cancelling, firings = key.firings, fired = key.fired, outstanding = key.outstanding, worker_info = key.worker_info, claims = key.claims, orders = key.orders, declaring = key.declaring}
    local sorted = {deadlines = key.deadlines, expiring = key.expiring, parking = key.parking, fingerprints = key.fingerprints, upcoming = key.upcoming}
    local name = hashes[detail] or sorted[detail]
    local command = hashes[detail] and 'HDEL' or 'ZREM'
    redis.call(command, name, id)
  elseif code == 'keyed' then
    local member = detail .. '|' .. id
    local _, name = lane_of(redis.call('HGET', key.traits, id))
    if name == detail and not over(key, id) then
      redis.call('ZADD', key.keyed, 0, member)
    else
      redis.call('ZREM', key.keyed, member)
    end
  elseif code == 'slot' then
    local member = detail .. '|' .. id
    local holds = false
    if redis.call('HEXISTS', key.active, id) == 1 then
      for _, gate in ipairs(gates_of(redis.call('HGET', key.places, id))) do
        holds = holds or gate == detail
      end
    end
    if holds then
      redis.call('ZADD', key.slots, 0, member)
    else
      redis.call('ZREM', key.slots, member)
      reopen(key, detail, {}, micro)
    end
  elseif code == 'unserved' then
    join(key, id)
  elseif code == 'lane' and detail == 'gated' then
    redis.call('ZREM', key.gated, id)
  elseif code == 'lane' then
    local place = redis.call('HGET', key.closed, id)
    if redis.call('ZSCORE', key.ring, id) then
      redis.call('HDEL', key.closed, id)
      redis.call('ZREM', key.gated, (place or '') .. '|' .. id)
    elseif place then
      redis.call('ZADD', key.gated, 0, place .. '|' .. id)
    end
  elseif code == 'gate' then
    reopen(key, id, {}, micro)
  elseif code == 'owner' or code == 'heir' then
    local owner, mode, last, next = string.match(redis.call('HGET', key.dedup, id) or '', '^(%S+) (%S+) (%S+) ?(%S*)$')
    if code == 'heir' then
      redis.call('HSET', key.dedup, id, owner .. ' ' .. mode .. ' ' .. last .. ' ')
    elseif next ~= '' and not over(key, next) then
      redis.call('HSET', key.dedup, id, next .. ' ' .. mode .. ' 0 ')
    else
      redis.call('HDEL', key.dedup, id)
    end
  elseif code == 'headless' then
    -- Whether it was paused is not known any more.
    redis.call('HSET', key.firings, id, 'paused user - - 0 ' .. digits(now))
  elseif code == 'slotless' then
    redis.call('ZADD', key.upcoming, digits(now), id)
    redis.call('PUBLISH', key.control, 'schedule')
  elseif code == 'worker' then
    redis.call('ZREM', key.tombstones, id)
    if redis.call('HEXISTS', key.worker_info, id) == 0 then
      redis.call('HSET', key.worker_info, id, '{}')
    end
  else
    return false
  end
  return true
end
