--[[ Releases what jobs hold that have ended or are removed: their deduplication keys, their places among the jobs of
their key, their deadlines; and has the jobs told that depend on them.
A deduplication key is `OWNER MODE UNTIL NEXT`: it passes to the next, and a throttle outlives its job.
@uses keyed deadlines owning dependents traits dedup outbox control ]]
--@include lane_of
local function let_go(key, ids)
  if redis.call('EXISTS', key.keyed, key.deadlines, key.owning, key.dependents) == 0 then
    return
  end
  local told = false
  for _, id in ipairs(ids) do
    redis.call('ZREM', key.deadlines, id)
    local _, name = lane_of(redis.call('HGET', key.traits, id))
    if name ~= '' then
      redis.call('ZREM', key.keyed, name .. '|' .. id)
    end
    local mode, owned = string.match(redis.call('HGET', key.owning, id) or '', '^(%S+) (%S+)$')
    local owner, next = string.match(owned and redis.call('HGET', key.dedup, owned) or '', '^(%S+) %S+ %S+ ?(%S*)$')
    if owner == id and mode ~= 'throttle' then
      if next ~= '' then
        redis.call('HSET', key.dedup, owned, next .. ' ' .. mode .. ' 0 ')
      else
        redis.call('HDEL', key.dedup, owned)
      end
    elseif owner and next == id then
      redis.call('HSET', key.dedup, owned, owner .. ' ' .. mode .. ' 0 ')
    end
    if #redis.call('ZRANGEBYLEX', key.dependents, '[' .. id .. '|', '(' .. id .. '}', 'LIMIT', 0, 1) > 0 then
      redis.call('RPUSH', key.outbox, 'end ' .. id)
      told = true
    end
  end
  if told then
    redis.call('PUBLISH', key.control, 'relay')
  end
end
