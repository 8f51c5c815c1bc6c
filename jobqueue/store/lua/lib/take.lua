--[[ Takes ids that may start: first those that landed in the worker's inbox, then the head of the line, until there
are `n`. What landed beyond that goes back to the head. If there are rules, they choose instead. `ask` is that of
lib/claim_for.lua.
@uses inbox backlog deadlines tasks meta wait
@returns the ids, and whether there are rules ]]
--@include admit
--@include living
--@include choose
local function take(key, ask, ms, micro)
  local n, surplus = ask.n, {}
  local landed = ask.landed and redis.call('LPOP', key.inbox, 1000) or {}
  local taken = living(key, landed, ask.lean)
  local rules = not ask.lean and (redis.call('EXISTS', key.backlog, key.deadlines, key.tasks) > 0
    or redis.call('HEXISTS', key.meta, 'limited') == 1)
  while #taken > (rules and 0 or n) do
    surplus[#surplus + 1] = table.remove(taken)
  end
  admit(key, surplus, true)
  if rules then
    return choose(key, n, ms, micro), true
  end
  -- Bounded: a line of nothing but ghosts is worked off over several calls.
  local missing, popped = ask.bare and 0 or n - #taken, 0
  while missing > 0 and popped < 200 do
    local ids = redis.call('RPOP', key.wait, missing)
    if not ids or #ids == 0 then
      break
    end
    popped = popped + #ids
    for _, id in ipairs(living(key, ids, ask.lean)) do
      taken[#taken + 1] = id
    end
    missing = n - #taken
  end
  return taken, false
end
