--[[ Finds out whether there is room for jobs: `counts` is how many there are of each scope, `queue` or `key:KEY`.
@returns nothing, or the milliseconds for which a producer should wait for room ]]
--@include room
local function refused(key, counts, now)
  -- All are asked before any drops jobs: nobody loses a job for one that is refused then.
  for _, drop in ipairs({false, true}) do
    for scope, count in pairs(counts) do
      local wait = room(key, scope, count, drop, now)
      if wait then
        return wait
      end
    end
  end
  return nil
end
