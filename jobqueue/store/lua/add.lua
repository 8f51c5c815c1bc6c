--[[ Add jobs. An id that exists already is left alone: adding twice is adding once.

@key limits hash
@key jobs hash
@key ghosts set
@key meta hash
@key wait list
@rest jobs 3 id, specification, due (empty: now; "+5000": in 5,000 ms; "1763700000000": at that time of the server)
@repeat safe
@returns the ids that existed already; or only `bounded`: the queue has a maximum size, call add_steered instead ]]
--@include clock
--@include digits
--@include time_of
--@include each_chunk
--@include line_up
--@include delay
--@include bell
--@include happened
--@include emit
local ms, micro = clock(now)
-- Nothing but what most queues do without can change where jobs go: one question for all of it.
local lean = redis.call('EXISTS', key.limits, key.ghosts, key.meta) == 0
if not lean and redis.call('HEXISTS', key.limits, 'max_size queue') == 1 then
  return 'bounded'
end
local ids = {}
for at = rest, #ARGV, 3 do
  ids[#ids + 1] = ARGV[at]
end
local alone = #ids == 1
local present = alone and {} or redis.call('HMGET', key.jobs, unpack(ids))

local specifications, added, ready, later, existing, seen = {}, {}, {}, {}, {}, {}
for index, id in ipairs(ids) do
  local specification, due = ARGV[rest + index * 3 - 2], ARGV[rest + index * 3 - 1]
  if present[index] or seen[id] then
    existing[#existing + 1] = id
  else
    seen[id] = true
    added[#added + 1] = id
    specifications[#specifications + 1] = id
    local moment = due == '' and 0 or time_of(due, ms)
    local delayed = moment > ms and '"due":' .. digits(moment) .. ',' or ''
    specifications[#specifications + 1] = '{"at":' .. digits(ms) .. ',' .. delayed .. string.sub(specification, 2)
    if moment > ms then
      later[#later + 1] = digits(moment)
      later[#later + 1] = id
    else
      ready[#ready + 1] = id
    end
  end
end

if not alone then
  each_chunk('HSET', key.jobs, specifications)
elseif redis.call('HSETNX', key.jobs, unpack(specifications)) == 0 then
  return added
end
delay(key, later)
if lean then
  each_chunk('LPUSH', key.wait, ready)
  return existing
end
if line_up(key, ready) then
  bell(key, micro)
end
happened(key, 'enqueued', added)
emit(key, ms)
return existing
