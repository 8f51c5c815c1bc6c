--[[ Adds the job of a slot, as its schedule wants it while earlier ones have not ended.
@uses jobs outstanding
@returns what became of it, as lib/slot_log.lua has it, or `full`, and then nothing was done; and the detail ]]
--@include queue_of
--@include steering_of
--@include running_slots
--@include refused
--@include call_off
--@include accept
local function start_slot(key, schedule, kind, overlap, id, specification, due, words, now)
  if redis.call('HEXISTS', key.jobs, id) == 1 then
    return 'existed', id
  end
  local steering = steering_of(words)
  local running = overlap ~= 'allow' and running_slots(key, schedule) or {}
  local idle
  for _, other in ipairs(running) do
    idle = idle or other.state ~= 'active' and other.id
  end
  if #running > 0 and overlap == 'skip' or idle and overlap == 'queue_one' then
    return 'skipped', idle or running[1].id
  end
  -- Before any is called off. Those that have not begun make room; and a duplicate, which needs none, calls off nobody.
  local counts = {queue = 1, ['key:' .. (steering.key or '')] = steering.key and 1}
  if not idle and not steering.dedup and refused(key, counts, now) then
    return 'full', ''
  end
  local edges = {}
  for _, other in ipairs(running) do
    if overlap == 'cancel_running' then
      call_off(key, other.id, '"the next slot of its schedule has come"', false, now)
    end
    if other.state == 'active' then
      edges[#edges + 1] = 'run:' .. queue_of(key.jobs) .. '/' .. other.id
    end
  end
  steering.after = #edges > 0 and table.concat(edges, ',') or nil
  local verdict, stands = accept(key, id, specification, due, steering, false, steering.dedup ~= nil, '', now)
  if verdict == 'full' then
    return verdict, ''
  end
  local ids = {}
  for other in string.gmatch((redis.call('HGET', key.outstanding, schedule) or '') .. ' ' .. (stands or id), '%S+') do
    ids[#ids + 1] = other
  end
  redis.call('HSET', key.outstanding, schedule, table.concat(ids, ' ', math.max(1, #ids - 19)))
  return verdict or kind, stands or id
end
