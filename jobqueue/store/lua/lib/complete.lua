--[[ Ends jobs of a queue that is lean, see lib/lean.lua, if they have completed under the tokens that are said.
`settled` are groups of id, token, `completed`, milliseconds they are kept or -1, result, from `first` on. `awaited` is whether
somebody may wait for one. It does what settle and lib/finish.lua do otherwise, without asking for what is not there.
@uses active outcomes completed expiring waiters finished
@returns a digit for each: 1 applied, 0 superseded ]]
--@include digits
--@include each_chunk
--@include forget
local function complete(key, ids, settled, first, awaited, now)
  local entries, moment = redis.call('HMGET', key.active, unpack(ids)), digits(now)
  local verdicts, released, outcomes, scores, expiries, unkept, records = {}, {}, {}, {}, {}, {}, {}
  local count, between = 0, ',' .. moment .. ',"'
  for index, id in ipairs(ids) do
    local at = first + (index - 1) * 5
    local token, started, worker = settled[at + 1], nil, nil
    local entry = entries[index]
    if entry and string.sub(entry, 1, #token + 1) == token .. ' ' then
      started, worker = string.match(entry, '^(%d+) (.+)$', #token + 2)
    end
    if not started then
      verdicts[index] = '0'
    else
      verdicts[index] = '1'
      count = count + 1
      released[count] = id
      local ttl = tonumber(settled[at + 3])
      local record = '["completed",' .. started .. between .. worker .. '",' .. token .. ',' .. settled[at + 4] .. ']'
      records[count] = record
      if ttl == 0 then
        unkept[#unkept + 1] = id
      else
        local place = 2 * (count - #unkept)
        outcomes[place - 1], outcomes[place] = id, record
        scores[place - 1], scores[place] = moment, id
        if ttl > 0 then
          expiries[#expiries + 1] = digits(now + ttl)
          expiries[#expiries + 1] = id
        end
      end
    end
  end
  each_chunk('HDEL', key.active, released)
  each_chunk('HSET', key.outcomes, outcomes)
  each_chunk('ZADD', key.completed, scores)
  each_chunk('ZADD', key.expiring, expiries)
  forget(key, unkept)
  if awaited then
    for index, id in ipairs(released) do
      if redis.call('SREM', key.waiters, id) == 1 then
        redis.call('PUBLISH', key.finished .. ':' .. id, records[index])
      end
    end
  end
  return table.concat(verdicts)
end
