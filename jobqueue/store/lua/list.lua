--[[ Read a page of the jobs in one state: the next to run, the next due or the latest to end first.

@key jobs hash
@key wait list
@key held list
@key ghosts set
@key parked hash
@key parking zset
@key active hash
@key attempts hash
@key outcomes hash
@key completed zset
@key failed zset
@key cancelled zset
@key meta hash
@key backlog zset
@key delayed zset
@key blocked zset
@key blocking hash
@arg state str waiting, parked, delayed, blocked, active, completed, failed or cancelled
@arg cursor str 0, then what the last call returned
@arg count int
@flags no-writes
@repeat safe
@returns {cursor of the next page or 0, id, specification, detail, counters, ...}; the detail is the parked reason, the
  time due, how many it waits for, the entry in active, or the outcome ]]
-- What waits lies in the line, then in the backlog: there the cursor begins with a letter.
local behind = string.sub(cursor, 1, 1) == 'b'
local offset = tonumber(behind and string.sub(cursor, 2) or cursor)
local ids, details, following = {}, {}, offset + count

if state == 'waiting' and behind then
  local page = redis.call('ZRANGE', key.backlog, offset, offset + count - 1)
  for _, member in ipairs(page) do
    ids[#ids + 1] = string.match(member, '[^|]+$')
    details[#details + 1] = ''
  end
  following = #page < count and 0 or 'b' .. following
elseif state == 'waiting' then
  local meta = redis.call('HMGET', key.meta, 'paused', 'limited')
  local line = (meta[1] or meta[2]) and key.held or key.wait
  local page = redis.call('LRANGE', line, -offset - count, -offset - 1)
  if #page < count then
    following = redis.call('EXISTS', key.backlog) == 1 and 'b0' or 0
  end
  for index = #page, 1, -1 do
    if page[index] ~= '*' and redis.call('SISMEMBER', key.ghosts, page[index]) == 0 then
      ids[#ids + 1] = page[index]
      details[#details + 1] = ''
    end
  end
elseif state == 'active' then
  local page = redis.call('HSCAN', key.active, cursor, 'COUNT', count)
  following = page[1]
  for at = 1, #page[2], 2 do
    ids[#ids + 1] = page[2][at]
    details[#details + 1] = page[2][at + 1]
  end
elseif state == 'delayed' then
  local page = redis.call('ZRANGE', key.delayed, offset, offset + count - 1, 'WITHSCORES')
  for at = 1, #page, 2 do
    ids[#ids + 1] = page[at]
    details[#details + 1] = page[at + 1]
  end
elseif state == 'blocked' then
  ids = redis.call('ZRANGE', key.blocked, offset, offset + count - 1)
  if #ids > 0 then
    details = redis.call('HMGET', key.blocking, unpack(ids))
  end
elseif state == 'parked' then
  for _, member in ipairs(redis.call('ZRANGE', key.parking, offset, offset + count - 1)) do
    local id = string.match(member, '[^|]+$')
    ids[#ids + 1] = id
    details[#details + 1] = redis.call('HGET', key.parked, id) or ''
  end
else
  ids = redis.call('ZREVRANGE', key[state], offset, offset + count - 1)
  if #ids > 0 then
    details = redis.call('HMGET', key.outcomes, unpack(ids))
  end
end
if state ~= 'waiting' and state ~= 'active' and #ids < count then
  following = 0
end

local reply = {tostring(following)}
if #ids == 0 then
  return reply
end
local specifications = redis.call('HMGET', key.jobs, unpack(ids))
local bookkeeping = redis.call('HMGET', key.attempts, unpack(ids))
for index, id in ipairs(ids) do
  reply[#reply + 1] = id
  reply[#reply + 1] = specifications[index] or ''
  reply[#reply + 1] = details[index] or ''
  reply[#reply + 1] = string.match(bookkeeping[index] or '', '^[%d ]*')
end
return reply
