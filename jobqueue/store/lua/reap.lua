--[[ Take the jobs of a worker back whose lease has run out, some at a time: those in its inbox, and those it holds.
The first call makes it final: the worker cannot renew its lease any more. After the last call the worker is only a
tombstone, kept because the server may still serve a BLMOVE that it sent when it lived; what that moves into the inbox
is taken back by a later call.

@key inbox list
@key active hash
@key claims hash
@key workers zset
@key worker_info hash
@key tombstones zset
@key declaring hash
@key orders hash
@arg worker str
@arg force int 1 reaps a worker whose lease is live: its process is known to be gone
@arg outcome str lost or interrupted
@arg body str JSON, what became of the worker
@arg cursor str 0, then what the last call returned
@arg max_lost int for a job that the worker held alone
@arg max_lost_beside int for jobs that it held beside others
@arg keep int milliseconds a tombstone is kept
@flags allow-oom
@repeat safe
@returns {cursor, or -1 if the lease is live, how many jobs wait again, how many have failed} ]]
--@include clock
--@include digits
--@include holding
--@include lose
--@include living
--@include leave_lane
--@include bell
--@include pass_on
--@include emit
local ms, micro = clock(now)
local lease = tonumber(redis.call('ZSCORE', key.workers, worker) or 0)
if lease > ms and force == 0 then
  return {'-1', 0, 0}
end
if lease > 0 then
  redis.call('ZADD', key.workers, -1, worker)
end

local landed = redis.call('LRANGE', key.inbox, 0, 99)
if #landed > 0 then
  redis.call('LTRIM', key.inbox, 100, -1)
  landed = living(key, landed)
  admit(key, landed, true)
end

local returned, failed = #landed, 0
if lease ~= 0 then
  local page = redis.call('HSCAN', key.active, cursor, 'COUNT', 100)
  local runs, ids = {}, {}
  for at = 1, #page[2], 2 do
    local token, started, holder = holding(page[2][at + 1])
    if holder == worker then
      ids[#ids + 1] = page[2][at]
      runs[#runs + 1] = {id = page[2][at], token = token, started = started, worker = holder, body = body}
    end
  end
  each_chunk('HDEL', key.active, ids)
  leave_lane(key, ids, micro)
  local alone = #ids == 1 and cursor == '0' and page[1] == '0'
  local again, given_up = lose(key, outcome, runs, alone and max_lost or max_lost_beside, ms)
  returned, failed = returned + again, given_up
  cursor = page[1]
  if cursor == '0' then
    redis.call('ZREM', key.workers, worker)
    redis.call('HDEL', key.worker_info, worker)
    redis.call('HDEL', key.declaring, worker)
    redis.call('HDEL', key.orders, worker)
    redis.call('HDEL', key.claims, worker)
    redis.call('ZADD', key.tombstones, digits(ms), worker)
  end
elseif tonumber(redis.call('ZSCORE', key.tombstones, worker) or ms) < ms - keep and redis.call('EXISTS', key.inbox) == 0 then
  redis.call('ZREM', key.tombstones, worker)
end
pass_on(key, 100, ms)
bell(key, micro)
emit(key, ms, worker)
return {cursor, returned, failed}
