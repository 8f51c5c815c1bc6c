--[[ Whether the outbox has anything about an id that is still to be told; also if it is too long to be looked through.
`seen` is a table that remembers during one call.
@uses outbox ]]
local function spoken_of(key, id, seen)
  if not seen.outbox then
    seen.outbox = {}
    seen.many = redis.call('LLEN', key.outbox) > 500
    for _, entry in ipairs(redis.call('LRANGE', key.outbox, 0, 499)) do
      seen.outbox[string.match(entry, '^%S+ (%S+)')] = true
    end
  end
  return seen.many or seen.outbox[id] or false
end
