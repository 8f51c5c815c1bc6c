--[[ Adds a job, unless it exists, is the same as another, or there is no room for it.
With `bounded`, it is found out whether there is room. `flow` is empty, or the id of a flow that is added in parts.
@uses dedup
@returns nothing, or `existed`, `duplicate` or `full`, and the id that stands in its place or the milliseconds for which a
  producer should wait for room ]]
--@include digits
--@include refused
--@include deduplicate
--@include enroll
--@include might_start
local function accept(key, id, specification, due, steering, exists, bounded, flow, now)
  if exists then
    return 'existed', id
  end
  local absorbed = redis.call('HGET', key.dedup, '=' .. id)
  if absorbed then
    return 'duplicate', string.match(absorbed, '^%S+')
  end
  local text = '{"at":' .. digits(now) .. ',' .. might_start(due, steering, flow, now) .. string.sub(specification, 2)
  local stands, waits_for = deduplicate(key, id, text, steering, now)
  if stands then
    return 'duplicate', stands
  end
  local counts = {queue = 1}
  if steering.key then
    counts['key:' .. steering.key] = 1
  end
  local wait = bounded and refused(key, counts, now)
  if wait then
    return 'full', digits(wait)
  end
  enroll(key, id, text, due, steering, waits_for, flow, now)
  return nil
end
