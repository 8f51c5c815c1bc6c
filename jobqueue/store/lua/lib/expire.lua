--[[ Ends jobs that did not start in time. They lie nowhere any more. ]]
--@include record
--@include finish
local function expire(key, ids, now)
  local ended = {}
  for index, id in ipairs(ids) do
    ended[index] = {id = id, ttl = -1, record = record('expired', nil, now, nil, nil, '"it did not start before its time was over"')}
  end
  finish(key, 'cancelled', ended, now, 'expired')
end
