--[[ Finds the jobs of a schedule that have not ended. They are kept apart from what became of its slots, which forgets: at
most 20, and more only if it may overlap itself. Those that have ended are left out from then on.
@uses outstanding
@returns a list of {id = , state = }, the latest first ]]
--@include state_of
local function running_slots(key, schedule)
  local running, ids = {}, {}
  for id in string.gmatch(redis.call('HGET', key.outstanding, schedule) or '', '%S+') do
    local state = state_of(key, id)
    if state == 'waiting' or state == 'delayed' or state == 'blocked' or state == 'active' then
      table.insert(running, 1, {id = id, state = state})
      ids[#ids + 1] = id
    end
  end
  redis.call('HSET', key.outstanding, schedule, table.concat(ids, ' '))
  return running
end
