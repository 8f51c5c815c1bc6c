--[[ Enters a job, of whose end there is a record, among those that have ended.
@uses outcomes completed failed cancelled ]]
--@include digits
--@include index_errors
local function end_again(key, id, now)
  local record = redis.call('HGET', key.outcomes, id)
  local how, at = string.match(record, '^%["(%a+)",[^,]*,(%d+)')
  if how == 'failed' then
    index_errors(key, {{id = id, record = record}})
  end
  local ended = how == 'completed' and key.completed or how == 'failed' and key.failed or key.cancelled
  redis.call('ZADD', ended, at or digits(now), id)
end
