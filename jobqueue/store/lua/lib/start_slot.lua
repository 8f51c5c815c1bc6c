--[[ Adds the job of a slot, as its schedule wants it while earlier ones have not ended.
@uses jobs
@returns what became of it, as lib/slot_log.lua has it, and the detail ]]
--@include queue_of
--@include steering_of
--@include running_slots
--@include call_off
--@include accept
local function start_slot(key, schedule, kind, overlap, id, specification, due, words, now)
  local exists = redis.call('HEXISTS', key.jobs, id) == 1
  local steering = steering_of(words)
  if overlap ~= 'allow' and not exists then
    local edges = {}
    for _, other in ipairs(running_slots(key, schedule)) do
      if overlap == 'skip' or overlap == 'queue_one' and other.state ~= 'active' then
        return 'skipped', other.id
      end
      if overlap == 'cancel_running' then
        call_off(key, other.id, '"the next slot of its schedule has come"', false, now)
      end
      if other.state == 'active' then
        edges[#edges + 1] = 'run:' .. queue_of(key.jobs) .. '/' .. other.id
      end
    end
    steering.after = #edges > 0 and table.concat(edges, ',') or nil
  end
  local verdict, stands = accept(key, id, specification, due, steering, exists, true, '', now)
  if verdict == 'full' or verdict == 'duplicate' then
    return verdict, stands
  end
  return kind, id
end
