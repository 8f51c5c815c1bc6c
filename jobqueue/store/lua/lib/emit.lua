--[[ Writes down what has happened in this call, as one entry of the stream of events, each kind once; see lib/happened.lua.
@uses meta events ]]
local function emit(key, now, worker)
  if #key == 0 then
    return
  elseif tonumber(key[0]) <= now then
    redis.call('HDEL', key.meta, 'events') -- nobody follows them any more
    return
  end
  local fields = worker and {'worker', worker} or {}
  for at = 1, #key, 2 do
    fields[#fields + 1] = key[at]
    fields[#fields + 1] = table.concat(key[at + 1], ' ')
  end
  redis.call('XADD', key.events, 'MAXLEN', '~', '2000', '*', unpack(fields))
end
