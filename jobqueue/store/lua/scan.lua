--[[ Read some of the jobs that lie in one place, from a cursor that stays right while jobs leave and come.

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
@key traits hash
@key fingerprints zset
@arg place str line, backlog, parking, errors, active, delayed, blocked, completed, failed or cancelled
@arg cursor str empty, then what the last call returned; for errors `[FINGERPRINT|TASK|` at first; else it may be a time
  at which to begin
@arg last str where to end: for errors `(FINGERPRINT|TASK}`, else a time; empty for none
@arg count int
@flags no-writes
@repeat safe
@returns {cursor of the next page or an empty text, id, specification, detail, counters, priority and key, ...}; the detail is
  that of `list` ]]
--@include digits
--@include rank_after
local state = place
local ids, details, following = {}, {}, ''

if place == 'line' then
  -- From the left, where jobs come in: what comes in moves those that are to be read on, and none is passed over.
  local meta = redis.call('HMGET', key.meta, 'paused', 'limited')
  local line = (meta[1] or meta[2]) and key.held or key.wait
  local offset = tonumber(cursor) or 0
  local page = redis.call('LRANGE', line, offset, offset + count - 1)
  for _, id in ipairs(page) do
    if id ~= '*' and redis.call('SISMEMBER', key.ghosts, id) == 0 then
      ids[#ids + 1] = id
    end
  end
  following = #page == count and digits(offset + count) or ''
elseif place == 'active' then
  local page = redis.call('HSCAN', key.active, cursor == '' and '0' or cursor, 'COUNT', count)
  following = page[1] == '0' and '' or page[1]
  for at = 1, #page[2], 2 do
    ids[#ids + 1] = page[2][at]
    details[#details + 1] = page[2][at + 1]
  end
elseif place == 'backlog' or place == 'parking' or place == 'errors' then
  local name = place == 'errors' and key.fingerprints or place == 'parking' and key.parking or key.backlog
  local page = redis.call('ZRANGEBYLEX', name, cursor == '' and '-' or cursor, last == '' and '+' or last, 'LIMIT', 0, count)
  for index, member in ipairs(page) do
    ids[index] = string.match(member, '[^|]+$')
  end
  following = #page == count and '(' .. page[count] or ''
else
  local name = place == 'delayed' and key.delayed or place == 'blocked' and key.blocked or key[state]
  local score, id = string.match(cursor, '^(%S+) ?(.*)$')
  local first = score and rank_after(name, score, id) or 0
  local page = redis.call('ZRANGE', name, first, first + count - 1, 'WITHSCORES')
  for at = 1, #page, 2 do
    if last == '' or tonumber(page[at + 1]) <= tonumber(last) then
      ids[#ids + 1] = page[at]
      details[#details + 1] = page[at + 1]
    end
  end
  following = #ids == count and digits(tonumber(page[2 * count])) .. ' ' .. ids[count] or ''
end

local reply = {following}
if #ids == 0 then
  return reply
end
if place == 'parking' then
  details = redis.call('HMGET', key.parked, unpack(ids))
elseif place == 'blocked' then
  details = redis.call('HMGET', key.blocking, unpack(ids))
elseif place ~= 'active' and place ~= 'delayed' and place ~= 'line' and place ~= 'backlog' then
  details = redis.call('HMGET', key.outcomes, unpack(ids))
end
local specifications = redis.call('HMGET', key.jobs, unpack(ids))
local bookkeeping = redis.call('HMGET', key.attempts, unpack(ids))
local traits = redis.call('HMGET', key.traits, unpack(ids))
for index, id in ipairs(ids) do
  reply[#reply + 1] = id
  reply[#reply + 1] = specifications[index] or ''
  reply[#reply + 1] = details[index] or ''
  reply[#reply + 1] = string.match(bookkeeping[index] or '', '^[%d ]*')
  reply[#reply + 1] = traits[index] or ''
end
return reply
