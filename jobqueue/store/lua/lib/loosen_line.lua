--[[ Lets the server hand out the line again, unless the queue is limited still.
@uses pace meta ]]
--@include limits_of
--@include name_line
local function loosen_line(key, micro)
  local limits = limits_of(key, 'queue', {})
  if limits.concurrency or limits.interval or tonumber(redis.call('ZSCORE', key.pace, 'queue') or 0) > micro then
    return
  end
  redis.call('HDEL', key.meta, 'limited')
  name_line(key)
end
