--[[ Gives back the slots of jobs that run no more, and lets lanes go on that wait for them.
@uses slots places ]]
--@include reopen
local function leave_lane(key, ids, micro)
  if #ids == 0 or redis.call('EXISTS', key.slots) == 0 then
    return
  end
  local known = {}
  for _, id in ipairs(ids) do
    local lane = redis.call('HGET', key.places, id)
    if lane then
      redis.call('HDEL', key.places, id)
      local task, name = string.match(lane, '^([^/]*)/(.*)$')
      for _, gate in ipairs({'task:' .. task, 'key:' .. name}) do
        if redis.call('ZREM', key.slots, gate .. '|' .. id) == 1 then
          reopen(key, gate, known, micro)
        end
      end
    end
  end
end
