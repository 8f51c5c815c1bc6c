--[[ Whether a queue does without all that steers, delays, watches or follows jobs, as most do: one question instead of many.
`others` are keys that do not matter for that, but may be missing as well.
@uses meta backlog tasks deadlines ghosts slots keyed owning cancelling dependents outbox
@returns whether it does, and whether it does without the others, too ]]
local function lean(key, others)
  local present = redis.call('EXISTS', key.meta, key.backlog, key.tasks, key.deadlines, key.ghosts, key.slots, key.keyed,
    key.owning, key.cancelling, key.dependents, key.outbox, unpack(others))
  if present == 0 then
    return true, true
  end
  return redis.call('EXISTS', unpack(others)) == present, false
end
