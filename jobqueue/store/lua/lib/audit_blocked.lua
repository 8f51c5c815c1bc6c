--[[ Finds whether a blocked job waits for as many jobs as have not ended. `seen.room` is how many dependencies may still be
looked at in this call; a job with more of them is left out, and counted in `seen.skipped`.
@uses edges inputs blocking ]]
local function audit_blocked(key, id, seen, found)
  local from, to = '[' .. id .. '|', '(' .. id .. '}'
  local count = redis.call('ZLEXCOUNT', key.edges, from, to)
  if count > seen.room then
    seen.skipped = seen.skipped + 1
    return
  end
  seen.room = seen.room - count
  local remaining = 0
  for _, member in ipairs(redis.call('ZRANGEBYLEX', key.edges, from, to)) do
    if redis.call('HEXISTS', key.inputs, id .. '|' .. string.match(member, '^[^|]*|([^|]*)|')) == 0 then
      remaining = remaining + 1
    end
  end
  local waiting, failed = string.match(redis.call('HGET', key.blocking, id) or '', '^(%-?%d+) (%-?%d+)')
  if tonumber(waiting) ~= remaining or remaining == 0 or tonumber(failed) > 0 then
    found[#found + 1] = {'miscounted', id, string.format('%.0f', remaining)}
  end
end
