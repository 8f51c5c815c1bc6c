--[[ Adds the items of a new job to those that another has gathered, unless it would be longer than it may. An entry of
`aggregates` is `TAIL COUNT FIRST`: the bytes after the items, how many they are, and when the first came.
@uses aggregates jobs
@returns when the job is due then, and whether it has taken them ]]
local function gather(key, owner, text, steer, due, now)
  local size, wait, from, tail, count, most = string.match(steer.gather, '^(%d+):(%d+):(%d+):(%d+):(%d+):(%d+)$')
  local length, gathered, first = string.match(redis.call('HGET', key.aggregates, owner) or '', '^(%d+) (%d+) (%d+)')
  local items = string.sub(text, #text - tonumber(from) + 1, #text - tonumber(tail))
  local stored = redis.call('HGET', key.jobs, owner)
  if #stored + 1 + #items > tonumber(most) then
    return now, false
  end
  local before, after = string.sub(stored, 1, #stored - tonumber(length)), string.sub(stored, #stored - tonumber(length) + 1)
  redis.call('HSET', key.jobs, owner, before .. ',' .. items .. after)
  gathered = tonumber(gathered) + tonumber(count)
  redis.call('HSET', key.aggregates, owner, length .. ' ' .. gathered .. ' ' .. first)
  if gathered >= tonumber(size) then
    return now, true
  end
  return math.min(due, tonumber(first) + tonumber(wait)), true
end
