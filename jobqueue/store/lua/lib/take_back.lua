--[[ Takes a job back from a worker that nobody knows: it is not held against the job. If the worker lives all the same,
what it says of the job is refused.
@uses active ]]
--@include holding
--@include leave_lane
--@include lose
local function take_back(key, id, now, micro)
  local token, started, worker = holding(redis.call('HGET', key.active, id))
  redis.call('HDEL', key.active, id)
  leave_lane(key, {id}, micro)
  local run = {id = id, token = token, started = started, worker = worker, body = '"its worker was not registered any more"'}
  lose(key, 'interrupted', {run}, 1, now)
end
