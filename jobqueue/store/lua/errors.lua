--[[ Read the groups of failed jobs: of one fingerprint and one task each, in the order of both, some at a time.

@key failed zset
@key fingerprints zset
@arg cursor str `-`, or `[FINGERPRINT|` for one fingerprint; then what the last call returned
@arg last str `+`, or `(FINGERPRINT}`
@arg examples int how many of the latest ids of each group
@arg count int
@flags no-writes
@repeat safe
@returns {cursor of the next page or an empty text, failed jobs, those among them that are in a group, fingerprint, task, jobs,
  when the first failed, when the last, ids separated by spaces, ...} ]]
local reply = {'', redis.call('ZCARD', key.failed), redis.call('ZCARD', key.fingerprints)}
for index = 1, count do
  local first = redis.call('ZRANGEBYLEX', key.fingerprints, cursor, last, 'LIMIT', 0, 1)[1]
  if not first then
    return reply
  end
  local fingerprint, task, since = string.match(first, '^([^|]*)|([^|]*)|(%d+)|')
  local from, to = '[' .. fingerprint .. '|' .. task .. '|', '(' .. fingerprint .. '|' .. task .. '}'
  local latest, ids = redis.call('ZREVRANGEBYLEX', key.fingerprints, to, from, 'LIMIT', 0, examples), {}
  for place, member in ipairs(latest) do
    ids[place] = string.match(member, '[^|]+$')
  end
  reply[#reply + 1] = fingerprint
  reply[#reply + 1] = task
  reply[#reply + 1] = redis.call('ZLEXCOUNT', key.fingerprints, from, to)
  reply[#reply + 1] = since
  reply[#reply + 1] = string.match(latest[1], '|(%d+)|[^|]*$')
  reply[#reply + 1] = table.concat(ids, ' ')
  cursor = to
end
reply[1] = cursor
return reply
