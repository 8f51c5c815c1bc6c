--[[ Whether a job has ended, or is gone.
@uses jobs completed failed cancelled ]]
local function over(key, id)
  return redis.call('HEXISTS', key.jobs, id) == 0
    or (redis.call('ZSCORE', key.completed, id) or redis.call('ZSCORE', key.failed, id) or redis.call('ZSCORE', key.cancelled, id)) and true
    or false
end
