--[[ Write how executions ended, and claim up to `n` more, in one round trip.
An outcome counts only if the job is still held under exactly this token; else a later execution, or nobody, has it.

@key active hash
@key wait list
@key inbox list
@key attempts hash
@key waiters set
@key cancelling hash
@key parked hash
@key parking zset
@arg worker str
@arg request str a number that the worker raises with each call; sent again, it gets the same answer
@arg n int
@arg max_lost int
@arg answered int see claim.lua
@rest outcomes 5 id, token, kind, number, body. The number is the delay of retried, snoozed and limited in ms, and the time a
  completed job is kept in ms, or -1. The body is the result of completed, the error of failed and retried, the cause of
  lost and interrupted, the reason of cancelled, all JSON; the topic and the reason of parked; the gate that limited closes;
  the edges of blocked, see lib/depend.lua.
@flags allow-oom
@repeat safe
@error JOBQUEUE unknown outcome
@returns see lib/claim_for.lua; the verdicts have a digit for each outcome: 1 applied, 0 superseded ]]
--@include clock
--@include digits
--@include record
--@include holding
--@include remembered
--@include note
--@include jot
--@include complete
--@include finish
--@include delay
--@include lose
--@include leave_lane
--@include hold
--@include depend
--@include pass_on
--@include lean
--@include claim_for
--@include happened
local ms, micro = clock(now)
local memory = remembered(key, worker, request)
local ask = {worker = worker, request = request, n = n, verdicts = memory.verdicts or '-', memory = memory, landed = true}
if memory.ids then
  return claim_for(key, ask, ms, micro)
end
ask.forgotten = memory.last < answered
if rest > #ARGV then
  return claim_for(key, ask, ms, micro)
end

local known = {completed = 1, failed = 1, cancelled = 1, retried = 1, snoozed = 1, interrupted = 1, lost = 1, parked = 1,
  limited = 1, blocked = 1}
local ids, all_completed = {}, true
for at = rest, #ARGV, 5 do
  if not known[ARGV[at + 2]] then
    return redis.error_reply('JOBQUEUE unknown outcome')
  end
  ids[#ids + 1] = ARGV[at]
  all_completed = all_completed and ARGV[at + 2] == 'completed'
end

if all_completed then
  ask.lean, ask.bare = lean(key, {key.wait, key.inbox, key.attempts, key.waiters})
  ask.landed = not ask.bare
end
if ask.lean then
  local awaited = not ask.bare and redis.call('EXISTS', key.waiters) == 1
  ask.verdicts = complete(key, ids, ARGV, rest, awaited, ms)
  return claim_for(key, ask, ms, micro)
end

local entries = redis.call('HMGET', key.active, unpack(ids))
local stopping = redis.call('EXISTS', key.cancelling) == 1 and redis.call('HMGET', key.cancelling, unpack(ids)) or {}
local verdicts, released, ready, later, notes, parks, blocks, limited, jots = {}, {}, {}, {}, {}, {}, {}, {}, {}
local ended = {completed = {}, failed = {}, cancelled = {}}
local taken_back = {lost = {}, interrupted = {}}
for index, id in ipairs(ids) do
  local at = rest + (index - 1) * 5
  local kind, number, body = ARGV[at + 2], tonumber(ARGV[at + 3]), ARGV[at + 4]
  local token, started, holder = holding(entries[index])
  if token ~= ARGV[at + 1] then
    verdicts[index] = '0'
  else
    verdicts[index] = '1'
    released[#released + 1] = id
    local unfinished = kind == 'retried' or kind == 'snoozed' or kind == 'parked' or kind == 'limited' or kind == 'blocked'
    if stopping[index] and (unfinished or kind == 'cancelled' and body == '""') then
      kind, number, body = 'cancelled', -1, stopping[index]
    end
    local due = kind == 'retried' and number > 0 and ms + number or nil
    local text = record(kind, started, ms, holder, token, body, due)
    local run = unfinished and started .. ' ' .. holder .. ' ' .. token .. ' '
    if ended[kind] then
      table.insert(ended[kind], {id = id, record = text, ttl = number})
    elseif taken_back[kind] then
      table.insert(taken_back[kind], {id = id, token = token, started = started, worker = holder, body = body})
    elseif kind == 'parked' then
      parks[#parks + 1] = {id, body}
      jots[#jots + 1] = {id, kind, run .. string.match(body, '^%S* ?(.*)$')}
    elseif kind == 'blocked' then
      blocks[#blocks + 1] = {id, body}
      jots[#jots + 1] = {id, kind, run .. select(2, string.gsub(body, '[^,]+', ''))}
    elseif kind == 'limited' then
      limited[#limited + 1] = id
      hold(key, body, micro + number * 1000, micro)
      jots[#jots + 1] = {id, kind, run .. digits(ms + number) .. ' ' .. body}
    elseif number > 0 then
      later[#later + 1] = digits(ms + number)
      later[#later + 1] = id
    else
      ready[#ready + 1] = id
    end
    if not ended[kind] and not taken_back[kind] then
      happened(key, kind, {id})
    end
    if kind == 'snoozed' then
      jots[#jots + 1] = {id, kind, run .. digits(ms + number)}
    end
    if kind == 'failed' or kind == 'snoozed' or kind == 'limited' or kind == 'blocked' then
      notes[#notes + 1] = {id, kind}
    elseif kind == 'retried' then
      notes[#notes + 1] = {id, kind, text}
    end
  end
end
ask.verdicts = table.concat(verdicts)

each_chunk('HDEL', key.active, released)
leave_lane(key, released, micro)
for _, noted in ipairs(notes) do
  note(key, noted[1], noted[2], noted[3])
end
jot(key, jots, ms)
for _, parked in ipairs(parks) do
  local topic = string.match(parked[2], '^%S+')
  redis.call('HSET', key.parked, parked[1], parked[2])
  redis.call('ZADD', key.parking, 0, topic .. '|' .. parked[1])
end
finish(key, 'completed', ended.completed, ms)
finish(key, 'failed', ended.failed, ms)
finish(key, 'cancelled', ended.cancelled, ms)
lose(key, 'lost', taken_back.lost, max_lost, ms)
lose(key, 'interrupted', taken_back.interrupted, max_lost, ms)
delay(key, later)
admit(key, ready)
for index = #limited, 1, -1 do
  admit(key, {limited[index]}, true)
end
for _, blocked in ipairs(blocks) do
  depend(key, blocked[1], blocked[2], '', ms)
end
pass_on(key, 100, ms)
return claim_for(key, ask, ms, micro)
