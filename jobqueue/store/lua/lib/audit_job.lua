--[[ Finds what is wrong with a job: is it in exactly one place, with what belongs to it there. One that lies in no place
but perhaps the line is `nowhere`: it is to be looked for there.
@uses ghosts outcomes places active workers claims slots backlog parked parking fingerprints traits keyed ]]
--@include lies_in
--@include holding
--@include error_member
--@include lane_of
--@include gates_of
local function audit_job(key, id, specification, found)
  local function wrong(code, detail)
    found[#found + 1] = {code, id, detail or ''}
  end
  local places = lies_in(key, id)
  local state = places[1]
  local ended = state == 'completed' or state == 'failed' or state == 'cancelled'
  local record = redis.call('HGET', key.outcomes, id)
  if #places > 1 then
    wrong('scattered', table.concat(places, ' '))
  elseif not state then
    wrong('nowhere', redis.call('SISMEMBER', key.ghosts, id) == 1 and 'ghost' or '')
  elseif ended and not record then
    wrong('unrecorded', state)
  elseif record and not ended then
    wrong('unended', state)
  end

  local place = redis.call('HGET', key.places, id)
  if state == 'active' then
    local token, _, worker = holding(redis.call('HGET', key.active, id))
    if not token or not redis.call('ZSCORE', key.workers, worker) then
      wrong('abandoned', worker)
    end
    if token and tonumber(token) > tonumber(redis.call('HGET', key.claims, 'token') or 0) then
      wrong('token', token)
    end
    for _, gate in ipairs(gates_of(place)) do
      if not redis.call('ZSCORE', key.slots, gate .. '|' .. id) then
        wrong('slot', gate)
      end
    end
  elseif place and not redis.call('ZSCORE', key.backlog, place .. '|' .. id) then
    wrong('misplaced', place)
  end
  local topic = state == 'parked' and string.match(redis.call('HGET', key.parked, id), '^%S+')
  if topic and not redis.call('ZSCORE', key.parking, topic .. '|' .. id) then
    wrong('unparked', topic)
  end
  if state == 'failed' and record and not redis.call('ZSCORE', key.fingerprints, error_member(id, record, specification)) then
    wrong('unindexed')
  end
  local _, name = lane_of(redis.call('HGET', key.traits, id))
  if name ~= '' and not ended and not redis.call('ZSCORE', key.keyed, name .. '|' .. id) then
    wrong('keyed', name)
  end
end
