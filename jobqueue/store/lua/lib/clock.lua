--[[ The server's time, read once per script; a test passes its own.
@returns milliseconds, microseconds ]]
local function clock(now)
  if now ~= '' then
    return tonumber(now), tonumber(now) * 1000
  end
  local time = redis.call('TIME')
  local whole, micro = tonumber(time[1]), tonumber(time[2])
  return whole * 1000 + math.floor(micro / 1000), whole * 1000000 + micro
end
