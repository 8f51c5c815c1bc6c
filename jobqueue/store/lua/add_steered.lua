--[[ Add jobs that are steered by more than their time. An id that exists already is left alone: adding twice is adding once.
What steers a job is a text of words: `priority=5`, `lifo=1`, `key=acme`, `expires=+5000` (or a time, as for due),
`dedup=MODE:MILLISECONDS:KEY` with the mode until_done, throttle, debounce, keep_last or aggregate,
`gather=SIZE:MILLISECONDS:FROM:TAIL:COUNT:MOST` for aggregate (how many bytes before the end of the specification its items
begin and end, how many they are, and how many bytes a job that gathers may have), `after=POLICY:QUEUE/ID,...` with the
policy fail, run, ignore or cancel.

@key jobs hash
@key stagings zset
@arg whole int 1 if all or none of them are to be added
@arg flow str empty; or the id of a flow that is added in parts, whose jobs wait for its commit
@arg patience int milliseconds after which such a flow is given up
@rest jobs 4 id, specification, due (empty: now; "+5000": in 5,000 ms; "1763700000000": at that time of the server), steering
@repeat safe
@returns of each job that was not simply added: its id, `existed`, `duplicate` or `full`, and the id that stands in its
  place or the milliseconds for which a producer should wait for room; or of one alone, `unknown` and what it is to wait
  for, and none was added ]]
--@include clock
--@include digits
--@include queue_of
--@include steering_of
--@include refused
--@include accept
--@include bell
--@include pass_on
--@include emit
local ms, micro = clock(now)
local own = queue_of(key.jobs)
local ids, seen = {}, {}
for at = rest, #ARGV, 4 do
  ids[#ids + 1] = ARGV[at]
end
local present = redis.call('HMGET', key.jobs, unpack(ids))

local steering = {}
for index, id in ipairs(ids) do
  steering[index] = steering_of(ARGV[rest + index * 4 - 1])
  for queue, other in string.gmatch(steering[index].after or '', '%a+:([^/,]+)/([^,]+)') do
    if queue == own and not seen[other] and redis.call('HEXISTS', key.jobs, other) == 0 then
      return {id, 'unknown', other}
    end
  end
  seen[id] = true
end

local reply = {}
if whole == 1 then
  local counts = {}
  for index in ipairs(ids) do
    if not present[index] then
      counts.queue = (counts.queue or 0) + 1
      local each = steering[index].key and 'key:' .. steering[index].key
      if each then
        counts[each] = (counts[each] or 0) + 1
      end
    end
  end
  local wait = refused(key, counts, ms)
  if wait then
    return {ids[1], 'full', digits(wait)}
  end
end

seen = {}
for index, id in ipairs(ids) do
  local specification, due = ARGV[rest + index * 4 - 3], ARGV[rest + index * 4 - 2]
  local verdict, stands = accept(key, id, specification, due, steering[index], present[index] or seen[id], whole == 0, flow, ms)
  if verdict then
    reply[#reply + 1] = id
    reply[#reply + 1] = verdict
    reply[#reply + 1] = stands
  end
  seen[id] = verdict ~= 'full' and verdict ~= 'duplicate'
end

if flow ~= '' then
  redis.call('ZADD', key.stagings, digits(ms + patience), flow)
end
pass_on(key, 100, ms)
bell(key, micro)
emit(key, ms)
return reply
