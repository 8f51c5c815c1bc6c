--[[ Finds what is wrong with a member of one of the structures of lanes and limits.
@uses jobs places ring closed active traits gated ]]
--@include lane_of
--@include over
--@include gates_of
--@include audit_gate
local function audit_lane(key, place, member, value, seen, found)
  local function wrong(code, id, detail)
    found[#found + 1] = {code, id, detail}
  end
  local rest, id = string.match(member, '^(.*)|([^|]*)$')
  if place == 'backlog' then
    local lane = string.match(rest, '^(.*)|')
    if redis.call('HEXISTS', key.jobs, id) == 0 then
      wrong('orphan', id, 'backlog ' .. member)
    elseif redis.call('HGET', key.places, id) ~= rest then
      wrong('misplaced', id, rest)
    end
    if lane ~= '/' and not redis.call('ZSCORE', key.ring, lane) and redis.call('HEXISTS', key.closed, lane) == 0 then
      wrong('unserved', lane, '')
    end
  elseif place == 'slots' then
    local holds = false
    for _, gate in ipairs(redis.call('HEXISTS', key.active, id) == 1 and gates_of(redis.call('HGET', key.places, id)) or {}) do
      holds = holds or gate == rest
    end
    if not holds then
      wrong('slot', id, rest)
    end
  elseif place == 'keyed' then
    local _, name = lane_of(redis.call('HGET', key.traits, id))
    if name ~= rest or over(key, id) then
      wrong('keyed', id, rest)
    end
  elseif place == 'ring' then
    if redis.call('HEXISTS', key.closed, member) == 1 then
      wrong('lane', member, '')
    end
  elseif place == 'closed' then
    if not redis.call('ZSCORE', key.gated, value .. '|' .. member) then
      wrong('lane', member, '')
    end
  elseif place == 'gated' then
    local gate, pass, lane = string.match(member, '^([^|]*)|(%d+)|(.*)$')
    if redis.call('HGET', key.closed, lane or '') ~= (gate or '') .. '|' .. (pass or '') then
      wrong('lane', member, 'gated')
    else
      audit_gate(key, gate, member, seen, found)
    end
  end
end
