--[[ Leaves a job that lies in several places in the strongest of them: active, then ended, then the rest. Where it has
ended in two ways, its record decides.
@uses outcomes ]]
--@include take_from
local function keep_one(key, id, places, micro)
  local found, lying = {}, false
  for place in string.gmatch(places, '%a+') do
    if place == 'line' or place == 'inbox' then
      take_from(key, id, place, '', micro)
      lying = true
    else
      found[#found + 1] = place
    end
  end
  if lying then
    return -- what else it may lie in is found where that is looked at
  end
  local kept = found[1]
  local record = redis.call('HGET', key.outcomes, id)
  local how = string.match(record or '', '^%["(%a+)"')
  how = how == 'expired' and 'cancelled' or how
  for _, place in ipairs(found) do
    kept = found[1] ~= 'active' and place == how and place or kept
  end
  for _, place in ipairs(found) do
    if place ~= kept then
      take_from(key, id, place, '', micro)
    end
  end
  if record and kept ~= 'completed' and kept ~= 'failed' and kept ~= 'cancelled' then
    redis.call('HDEL', key.outcomes, id)
  end
end
