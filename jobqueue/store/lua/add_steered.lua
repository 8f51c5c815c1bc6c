--[[ Add jobs that are steered by more than their time. An id that exists already is left alone: adding twice is adding once.
What steers a job is a text of words: `priority=5`, `lifo=1`, `key=acme`, `expires=+5000` (or a time, as for due),
`dedup=MODE:MILLISECONDS:KEY` with the mode until_done, throttle, debounce, keep_last or aggregate,
`gather=SIZE:MILLISECONDS:FROM:TAIL:COUNT` for aggregate (how many bytes before the end of the specification its items
begin and end, and how many they are), `after=POLICY:QUEUE/ID,...` with the policy fail, run, ignore or cancel.

@key jobs hash
@key stagings zset
@key dedup hash
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
--@include time_of
--@include queue_of
--@include steering_of
--@include room
--@include deduplicate
--@include enroll
--@include bell
--@include pass_on
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

-- All are asked before any drops jobs: nobody loses a job for one that is refused then.
local function refused(counts)
  for _, drop in ipairs({false, true}) do
    for scope, count in pairs(counts) do
      local wait = room(key, scope, count, drop, ms)
      if wait then
        return wait
      end
    end
  end
  return nil
end

local function counted(counts, steer)
  counts.queue = (counts.queue or 0) + 1
  if steer.key then
    counts['key:' .. steer.key] = (counts['key:' .. steer.key] or 0) + 1
  end
  return counts
end

local reply = {}
if whole == 1 then
  local counts = {}
  for index in ipairs(ids) do
    if not present[index] then
      counted(counts, steering[index])
    end
  end
  local wait = refused(counts)
  if wait then
    return {ids[1], 'full', digits(wait)}
  end
end

seen = {}
for index, id in ipairs(ids) do
  local specification, due = ARGV[rest + index * 4 - 3], ARGV[rest + index * 4 - 2]
  local moment = due == '' and 0 or time_of(due, ms)
  local delayed = moment > ms and not steering[index].dedup and '"due":' .. digits(moment) .. ',' or ''
  local text = '{"at":' .. digits(ms) .. ',' .. delayed .. string.sub(specification, 2)
  local stands, waits_for, wait
  local absorbed = redis.call('HGET', key.dedup, '=' .. id)
  if present[index] or seen[id] then
    reply[#reply + 1] = id
    reply[#reply + 1] = 'existed'
    reply[#reply + 1] = id
  elseif absorbed then
    reply[#reply + 1] = id
    reply[#reply + 1] = 'duplicate'
    reply[#reply + 1] = string.match(absorbed, '^%S+')
  else
    stands, waits_for = deduplicate(key, id, text, steering[index], ms)
    if not stands and whole == 0 then
      wait = refused(counted({}, steering[index]))
    end
    if stands or wait then
      reply[#reply + 1] = id
      reply[#reply + 1] = stands and 'duplicate' or 'full'
      reply[#reply + 1] = stands or digits(wait)
    else
      seen[id] = true
      enroll(key, id, text, due, steering[index], waits_for, flow, ms)
    end
  end
end

if flow ~= '' then
  redis.call('ZADD', key.stagings, digits(ms + patience), flow)
end
pass_on(key, 100, ms)
bell(key, micro)
return reply
