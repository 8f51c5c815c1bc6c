--[[ Leaves out of ids that were taken from the line the bell and the ghosts. `lean` says that there are no ghosts.
@uses ghosts ]]
local function living(key, ids, lean)
  local haunted = #ids > 0 and not lean and redis.call('EXISTS', key.ghosts) == 1
  local found = {}
  for _, id in ipairs(ids) do
    if id ~= '*' and not (haunted and redis.call('SREM', key.ghosts, id) == 1) then
      found[#found + 1] = id
    end
  end
  return found
end
