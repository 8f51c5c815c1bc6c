--[[ Add jobs. An id that exists already is left alone: adding twice is adding once.

@key jobs hash
@key wait list
@key paused list
@key delayed zset
@key ghosts set
@key meta hash
@key control channel
@rest jobs 3 id, specification, due (empty: now; "+5000": in 5,000 ms; "1763700000000": at that time of the server)
@repeat safe
@returns the ids that existed already ]]
--@include clock
--@include digits
--@include admit
--@include delay
local ms = clock(now)
local ids = {}
for at = rest, #ARGV, 3 do
  ids[#ids + 1] = ARGV[at]
end
local present = redis.call('HMGET', key.jobs, unpack(ids))

local specifications, ready, later, existing, seen = {}, {}, {}, {}, {}
for index, id in ipairs(ids) do
  local specification, due = ARGV[rest + index * 3 - 2], ARGV[rest + index * 3 - 1]
  if present[index] or seen[id] then
    existing[#existing + 1] = id
  else
    seen[id] = true
    specifications[#specifications + 1] = id
    specifications[#specifications + 1] = '{"at":' .. digits(ms) .. ',' .. string.sub(specification, 2)
    local moment = 0
    if string.sub(due, 1, 1) == '+' then
      moment = ms + tonumber(string.sub(due, 2))
    elseif due ~= '' then
      moment = tonumber(due)
    end
    if moment > ms then
      later[#later + 1] = digits(moment)
      later[#later + 1] = id
    else
      ready[#ready + 1] = id
    end
  end
end

each_chunk('HSET', key.jobs, specifications)
admit(key, ready)
delay(key, later)
return existing
