--[[ Takes jobs that have failed out of the index of errors: before their records go.
@uses fingerprints outcomes jobs ]]
--@include error_member
local function unindex_errors(key, ids)
  if #ids == 0 or redis.call('EXISTS', key.fingerprints) == 0 then
    return
  end
  local records = redis.call('HMGET', key.outcomes, unpack(ids))
  local specifications = redis.call('HMGET', key.jobs, unpack(ids))
  local members = {}
  for index, id in ipairs(ids) do
    members[index] = error_member(id, records[index] or '', specifications[index])
  end
  redis.call('ZREM', key.fingerprints, unpack(members))
end
