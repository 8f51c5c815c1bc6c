--[[ Hand parked jobs to a worker that may be able to run them: into its inbox, past all those who would only park them
again. Nothing is handed to a worker without a lease, or while the queue is paused.

@key inbox list
@key parking zset
@key meta hash
@key ghosts set
@key workers zset
@key tasks set
@key traits hash
@arg worker str
@arg n int how many at most; no more than 100 are handed out
@rest ranges 2 the first and the last member of `parking` that is meant, as ZRANGEBYLEX takes them
@flags allow-oom
@repeat safe
@returns how many were handed out ]]
--@include clock
--@include leave_parking
--@include admit
--@include bell
--@include happened
--@include emit
local ms, micro = clock(now)
if
  redis.call('EXISTS', key.parking) == 0
  or redis.call('HEXISTS', key.meta, 'paused') == 1
  or tonumber(redis.call('ZSCORE', key.workers, worker) or 0) <= ms
then
  return 0
end
local ranges = {}
for at = rest, #ARGV do
  ranges[#ranges + 1] = ARGV[at]
end
local ids = leave_parking(key, ranges, math.min(n, 100), ms)
local ruled = redis.call('EXISTS', key.tasks) == 1 or redis.call('HEXISTS', key.meta, 'limited') == 1
for _, id in ipairs(ids) do
  if ruled or redis.call('HEXISTS', key.traits, id) == 1 then
    admit(key, {id}, true) -- the rules say when it may start
  elseif redis.call('SREM', key.ghosts, id) == 0 then
    -- A ghost is revived where it lies, as in lib/admit.lua.
    redis.call('RPUSH', key.inbox, id)
  end
end
bell(key, micro)
happened(key, 'waiting', ids)
emit(key, ms)
return #ids
