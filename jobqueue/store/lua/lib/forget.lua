--[[ Deletes everything that is kept of jobs, but for their ids in lists and sorted sets.
@uses jobs outcomes attempts progress logs ]]
--@include each_chunk
local function forget(key, ids)
  if #ids == 0 then
    return
  end
  for _, column in ipairs({key.jobs, key.outcomes, key.attempts, key.progress, key.logs}) do
    each_chunk('HDEL', column, ids)
  end
end
