--[[ Enters jobs that have failed into the index of errors. `failed` is a list of {id = , record = }.
@uses jobs fingerprints ]]
--@include each_chunk
--@include error_member
local function index_errors(key, failed)
  local entries = {}
  for _, job in ipairs(failed) do
    entries[#entries + 1] = 0
    entries[#entries + 1] = error_member(job.id, job.record, redis.call('HGET', key.jobs, job.id))
  end
  each_chunk('ZADD', key.fingerprints, entries)
end
