--[[ Finds what is wrong with an entry of any other structure: what it is of must be there.
@uses jobs completed active parked outcomes failed firings schedules upcoming worker_info tombstones workers ]]
--@include over
--@include spoken_of
--@include error_member
local function audit_entry(key, place, id, value, seen, found)
  local function wrong(code, detail)
    found[#found + 1] = {code, id, detail or place}
  end
  if place == 'outcomes' then
    if redis.call('HEXISTS', key.jobs, id) == 0 and not spoken_of(key, id, seen) then
      wrong('leftover')
    end
  elseif place == 'expiring' then
    if not redis.call('ZSCORE', key.completed, id) then
      wrong('leftover')
    end
  elseif place == 'cancelling' then
    if redis.call('HEXISTS', key.active, id) == 0 then
      wrong('leftover')
    end
  elseif place == 'waiters' then
    if over(key, id) then
      wrong('unanswered')
    end
  elseif place == 'parking' then
    local topic, job = string.match(id, '^(.*)|([^|]*)$')
    if string.match(redis.call('HGET', key.parked, job or '') or '', '^%S+') ~= topic then
      wrong('leftover')
    end
  elseif place == 'fingerprints' then
    local job = string.match(id, '[^|]*$')
    local record, text = redis.call('HGET', key.outcomes, job) or '', redis.call('HGET', key.jobs, job)
    if not redis.call('ZSCORE', key.failed, job) or error_member(job, record, text) ~= id then
      wrong('leftover')
    end
  elseif place == 'dedup' then
    local owner, mode, _, next = string.match(value, '^(%S+) (%S+) (%S+) ?(%S*)$')
    if string.sub(id, 1, 1) ~= '=' and owner then
      if mode ~= 'throttle' and over(key, owner) then
        wrong('owner', owner)
      elseif next ~= '' and redis.call('HEXISTS', key.jobs, next) == 0 then
        wrong('heir', next)
      end
    end
  elseif place == 'schedules' then
    if redis.call('HEXISTS', key.firings, id) == 0 then
      wrong('headless', '')
    end
  elseif place == 'firings' or place == 'fired' or place == 'outstanding' then
    if redis.call('HEXISTS', key.schedules, id) == 0 then
      wrong('leftover')
    elseif place == 'firings' and string.sub(value, 1, 7) == 'active ' and not redis.call('ZSCORE', key.upcoming, id) then
      wrong('slotless', '')
    end
  elseif place == 'upcoming' then
    if string.sub(redis.call('HGET', key.firings, id) or '', 1, 7) ~= 'active ' then
      wrong('leftover')
    end
  elseif place == 'workers' then
    if redis.call('HEXISTS', key.worker_info, id) == 0 or redis.call('ZSCORE', key.tombstones, id) then
      wrong('worker', '')
    end
  elseif place == 'worker_info' or place == 'claims' or place == 'orders' or place == 'declaring' then
    local counter = place == 'claims' and id == 'token'
    if not counter and not redis.call('ZSCORE', key.workers, id) then
      wrong('leftover')
    end
  elseif redis.call('HEXISTS', key.jobs, id) == 0 then
    local column = place ~= 'active' and place ~= 'delayed' and place ~= 'blocked' and place ~= 'parked'
      and place ~= 'completed' and place ~= 'failed' and place ~= 'cancelled'
    wrong(column and 'leftover' or 'orphan')
  end
end
