--[[ Lets jobs start: puts their ids into the line of those that may start now, at its end or (`front`) at its head.
Here rules that hold jobs back are to be asked; `wait` never holds a job that may not start.
An id that was cancelled or removed while it waited still lies in the line as a ghost: it is revived where it lies.
@uses wait paused meta ghosts ]]
--@include each_chunk
local function admit(key, ids, front)
  if #ids == 0 then
    return
  end
  if redis.call('EXISTS', key.ghosts) == 1 then
    local fresh = {}
    for _, id in ipairs(ids) do
      if redis.call('SREM', key.ghosts, id) == 0 then
        fresh[#fresh + 1] = id
      end
    end
    ids = fresh
  end
  local line = key.wait
  if redis.call('HEXISTS', key.meta, 'paused') == 1 then
    line = key.paused
  end
  each_chunk(front and 'RPUSH' or 'LPUSH', line, ids)
end
