--[[ Writes a record of the end of a job whose own was lost.
@uses completed failed cancelled outcomes ]]
--@include record
--@include index_errors
local function write_end(key, id, state)
  local ended = state == 'completed' and key.completed or state == 'failed' and key.failed or key.cancelled
  local body = state == 'completed' and 'null' or state == 'cancelled' and '"why was lost"'
    or '{"type":"RecordLost","message":"the record of how it failed was lost"}'
  local text = record(state, nil, tonumber(redis.call('ZSCORE', ended, id)), nil, nil, body)
  redis.call('HSET', key.outcomes, id, text)
  if state == 'failed' then
    index_errors(key, {{id = id, record = text}})
  end
end
