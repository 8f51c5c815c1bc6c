--[[ Finds the jobs of a schedule that have not ended, among those of its latest 20 slots.
@uses fired
@returns a list of {id = , state = }, the latest first ]]
--@include state_of
local function running_slots(key, schedule)
  local ids = {}
  for kind, id in string.gmatch((redis.call('HGET', key.fired, schedule) or '') .. '\n', '(%a+) %S+ %S+ (%S+)\n') do
    if kind == 'fired' or kind == 'triggered' or kind == 'backfilled' then
      table.insert(ids, 1, id)
    end
  end
  local running = {}
  for at = 1, math.min(#ids, 20) do
    local state = state_of(key, ids[at])
    if state == 'waiting' or state == 'delayed' or state == 'blocked' or state == 'active' then
      running[#running + 1] = {id = ids[at], state = state}
    end
  end
  return running
end
