--[[ Takes ids that may start: first those that landed in the worker's inbox, then the head of the line, until there
are `n`. What landed beyond that goes back to the head. Ghosts are dropped.
@uses inbox wait paused meta ghosts ]]
--@include admit
local function take(key, n)
  local function living(ids)
    if #ids == 0 or redis.call('EXISTS', key.ghosts) == 0 then
      return ids
    end
    local found = {}
    for _, id in ipairs(ids) do
      if redis.call('SREM', key.ghosts, id) == 0 then
        found[#found + 1] = id
      end
    end
    return found
  end

  local taken = redis.call('LRANGE', key.inbox, 0, -1)
  if #taken > 0 then
    redis.call('DEL', key.inbox)
    taken = living(taken)
  end
  local surplus = {}
  while #taken > n do
    surplus[#surplus + 1] = table.remove(taken)
  end
  admit(key, surplus, true)
  -- Bounded: a line of nothing but ghosts is worked off over several calls.
  local missing, popped = n - #taken, 0
  while missing > 0 and popped < 200 do
    local ids = redis.call('RPOP', key.wait, missing)
    if not ids or #ids == 0 then
      break
    end
    popped = popped + #ids
    for _, id in ipairs(living(ids)) do
      taken[#taken + 1] = id
    end
    missing = n - #taken
  end
  return taken
end
