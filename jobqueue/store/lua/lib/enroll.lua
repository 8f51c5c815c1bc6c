--[[ Enters a new job that is steered by more than its time: what it is to hold, and where it waits.
@uses jobs traits keyed deadlines control owning dedup throttled aggregates staging ]]
--@include digits
--@include time_of
--@include admit
--@include queue_of
--@include depend
--@include unblock
--@include happened
local function enroll(key, id, text, due, steer, waits_for, flow, now)
  redis.call('HSET', key.jobs, id, text)
  happened(key, 'enqueued', {id})
  local name, priority = steer.key or '', tonumber(steer.priority or 0)
  if name ~= '' or priority ~= 0 then
    redis.call('HSET', key.traits, id, (priority ~= 0 and priority or '') .. '|' .. name)
  end
  if name ~= '' then
    redis.call('ZADD', key.keyed, 0, name .. '|' .. id)
  end
  if steer.expires then
    redis.call('ZADD', key.deadlines, digits(time_of(steer.expires, now)), id)
    redis.call('PUBLISH', key.control, 'promote')
  end
  local mode, period, shared = string.match(steer.dedup or '', '^([%a_]+):(%d+):(.+)$')
  if mode then
    redis.call('HSET', key.owning, id, mode .. ' ' .. shared)
    if waits_for then
      redis.call('HSET', key.dedup, shared, waits_for .. ' ' .. mode .. ' 0 ' .. id)
    else
      redis.call('HSET', key.dedup, shared, id .. ' ' .. mode .. ' ' .. digits(now + period) .. ' ')
    end
    if mode == 'throttle' then
      redis.call('ZADD', key.throttled, digits(now + period), shared)
    elseif mode == 'debounce' then
      due = '+' .. period
    elseif mode == 'aggregate' then
      local size, _, _, tail, count = string.match(steer.gather, '^(%d+):(%d+):(%d+):(%d+):(%d+):%d+$')
      redis.call('HSET', key.aggregates, id, tail .. ' ' .. count .. ' ' .. digits(now))
      due = tonumber(count) >= tonumber(size) and '' or '+' .. period
    end
  end
  local edges = steer.after or ''
  if waits_for then
    edges = edges .. ',run:' .. queue_of(key.jobs) .. '/' .. waits_for
  end
  if flow ~= '' then
    edges = edges .. ',run:-/' .. flow
    redis.call('ZADD', key.staging, 0, flow .. '|' .. id)
  end
  if edges ~= '' then
    depend(key, id, edges, due, now)
  elseif steer.lifo and (due == '' or time_of(due, now) <= now) then
    admit(key, {id}, true)
  else
    unblock(key, id, due, now)
  end
end
