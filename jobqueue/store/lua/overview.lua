--[[ Read how a queue stands: its counts, its oldest waiting job, its workers.

@key jobs hash
@key wait list
@key held list
@key ghosts set
@key parked hash
@key delayed zset
@key active hash
@key completed zset
@key failed zset
@key cancelled zset
@key meta hash
@key workers zset
@key worker_info hash
@key backlog zset
@key blocked zset
@key orders hash
@flags no-writes
@repeat safe
@returns {now, 1 if paused, waiting to start, parked, delayed, blocked, active, completed, failed, cancelled,
  specification of the oldest job that waits, worker, lease, info, what it is told to do, ...} ]]
--@include clock
--@include digits
local ms = clock(now)
local paused = redis.call('HEXISTS', key.meta, 'paused')
local line = (paused == 1 or redis.call('HEXISTS', key.meta, 'limited') == 1) and key.held or key.wait
local oldest = ''
for _, id in ipairs(redis.call('LRANGE', line, -10, -1)) do
  if id ~= '*' and redis.call('SISMEMBER', key.ghosts, id) == 0 then
    oldest = redis.call('HGET', key.jobs, id) or oldest
  end
end
local first = redis.call('ZRANGE', key.backlog, 0, 0)[1]
if oldest == '' and first then
  oldest = redis.call('HGET', key.jobs, string.match(first, '[^|]+$')) or ''
end
local bells = redis.call('LINDEX', line, -1) == '*' and 1 or 0
local reply = {
  digits(ms),
  paused,
  math.max(0, redis.call('LLEN', line) - bells - redis.call('SCARD', key.ghosts)) + redis.call('ZCARD', key.backlog),
  redis.call('HLEN', key.parked),
  redis.call('ZCARD', key.delayed),
  redis.call('ZCARD', key.blocked),
  redis.call('HLEN', key.active),
  redis.call('ZCARD', key.completed),
  redis.call('ZCARD', key.failed),
  redis.call('ZCARD', key.cancelled),
  oldest,
}
local workers = redis.call('ZRANGEBYSCORE', key.workers, '(' .. digits(ms), '+inf', 'WITHSCORES')
for at = 1, #workers, 2 do
  reply[#reply + 1] = workers[at]
  reply[#reply + 1] = workers[at + 1]
  reply[#reply + 1] = redis.call('HGET', key.worker_info, workers[at]) or '{}'
  reply[#reply + 1] = redis.call('HGET', key.orders, workers[at]) or ''
end
return reply
