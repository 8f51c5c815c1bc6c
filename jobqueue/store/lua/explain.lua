--[[ Read why a job does not run: by the predicates by which jobs are let in. Nothing here goes through more than `reach`
entries of a line, or names more than `most` jobs and workers.

@key active hash
@key attempts hash
@key backlog zset
@key blocked zset
@key blocking hash
@key cancelling hash
@key closed hash
@key completed zset
@key deadlines zset
@key dedup hash
@key delayed zset
@key edges zset
@key expiring zset
@key failed zset
@key gated zset
@key held list
@key jobs hash
@key meta hash
@key orders hash
@key outcomes hash
@key parked hash
@key places hash
@key ring zset
@key slots zset
@key stagings zset
@key tasks set
@key wait list
@key worker_info hash
@key workers zset
@arg id str
@arg reach int how many jobs of the line are looked at, from its head
@arg most int how many jobs that hold a gate, and how many workers, are named
@flags no-writes
@repeat safe
@returns {state, now, specification, how many jobs are active, how many ended in the last minute, reasons, how many
  workers are alive, how many jobs are active on those that are told something, worker, lease, info, what it is told to
  do, ...}; a reason is a code and its details, which jobqueue/store/explain.py reads ]]
--@include clock
--@include digits
--@include holding
--@include state_of
--@include lane_for
--@include gates_of
--@include limits_of
--@include opening
local ms, micro = clock(now)
local state = state_of(key, id)
local reasons = {}
local function add(...)
  reasons[#reasons + 1] = {...}
end

-- How a gate is closed, and who holds it.
local function closed_by(gate, cause, at, limits)
  local reason = {'closed', gate, cause, at and digits(at) or '', limits.concurrency or '', limits.interval or '', 0}
  if cause == 'concurrency' and gate == 'queue' then
    reason[7] = redis.call('HLEN', key.active)
    local entries = redis.call('HSCAN', key.active, '0', 'COUNT', most)[2]
    for at_entry = 1, math.min(#entries, 2 * most), 2 do
      reason[#reason + 1] = entries[at_entry]
      reason[#reason + 1] = entries[at_entry + 1]
    end
  elseif cause == 'concurrency' then
    local first, last = '[' .. gate .. '|', '(' .. gate .. '}'
    reason[7] = redis.call('ZLEXCOUNT', key.slots, first, last)
    for _, member in ipairs(redis.call('ZRANGEBYLEX', key.slots, first, last, 'LIMIT', 0, most)) do
      local holder = string.match(member, '[^|]+$')
      reason[#reason + 1] = holder
      reason[#reason + 1] = redis.call('HGET', key.active, holder) or ''
    end
  end
  reasons[#reasons + 1] = reason
end

-- How many go first: in the lane, or in the line with what has a priority above it.
local function stand(place)
  local lane, rank = string.match(place or '', '^(.*)|(%d+)$')
  local paused = redis.call('HMGET', key.meta, 'paused', 'limited')
  local line = (paused[1] or paused[2]) and key.held or key.wait
  local length = redis.call('LLEN', line)
  if length > 0 and redis.call('LINDEX', line, -1) == '*' then
    length = length - 1
  end
  local above = redis.call('ZLEXCOUNT', key.backlog, '[/|', '(/|5000000')
  if not lane then
    local found = redis.call('LPOS', line, id, 'RANK', -1, 'MAXLEN', reach)
    if found then
      add('position', '', above + length - 1 - found, 0, redis.call('ZCARD', key.ring))
    elseif length >= reach then
      add('position', '', reach, 1, redis.call('ZCARD', key.ring))
    else
      add('handed')
    end
    return
  end
  local before = redis.call('ZLEXCOUNT', key.backlog, '[' .. lane .. '|', '(' .. place .. '|')
  if lane == '/' and rank >= '5000000' then
    before = before + length
  end
  local turn = redis.call('HGET', key.closed, lane)
  local pass = redis.call('ZSCORE', key.ring, lane)
  if turn then
    local gate = string.match(turn, '^(.*)|%d+$')
    add('position', lane, before, 0, redis.call('ZLEXCOUNT', key.gated, '[' .. gate .. '|', '(' .. turn .. '|' .. lane))
  else
    add('position', lane, before, 0, pass and redis.call('ZCOUNT', key.ring, '-inf', '(' .. pass) or 0)
  end
end

local outcome = redis.call('HGET', key.outcomes, id)
if state == 'missing' then
  local absorbed = redis.call('HGET', key.dedup, '=' .. id)
  if absorbed then
    add('deduplicated', string.match(absorbed, '^%S+'))
  end
elseif state == 'active' then
  local token, started, worker = holding(redis.call('HGET', key.active, id))
  add('active', worker, started, token, redis.call('ZSCORE', key.workers, worker) or '',
    redis.call('HGET', key.worker_info, worker) or '')
  local reason = redis.call('HGET', key.cancelling, id)
  if reason then
    add('cancelling', reason)
  end
elseif outcome then
  add('ended', outcome, redis.call('ZSCORE', key.expiring, id) or '')
else
  local parked, place = redis.call('HGET', key.parked, id), redis.call('HGET', key.places, id)
  if state == 'delayed' then
    add('delayed', redis.call('ZSCORE', key.delayed, id), string.match(redis.call('HGET', key.attempts, id) or '', '^[%d ]*'))
  elseif state == 'blocked' then
    local commit = redis.call('ZRANGEBYLEX', key.edges, '[' .. id .. '|-/', '(' .. id .. '|-0', 'LIMIT', 0, 1)[1]
    local flow = commit and string.match(commit, '^[^|]*|%-/([^|]*)|') or ''
    add('blocked', redis.call('HGET', key.blocking, id) or '', redis.call('ZSCORE', key.blocked, id), flow,
      redis.call('ZSCORE', key.stagings, flow) or '')
  end
  if redis.call('HEXISTS', key.meta, 'paused') == 1 then
    add('closed', 'queue', 'paused', '', '', '', 0)
  end
  -- The lane in which it lies, or would lie if it were let in now.
  local lane = place and string.match(place, '^(.*)|%d+$')
  if not lane or string.sub(lane, 1, 1) == '/' then
    lane = lane_for(key, id, redis.call('EXISTS', key.tasks) == 1) or '/'
  end
  local known, gates = {}, gates_of(lane)
  table.insert(gates, 1, 'queue')
  for _, gate in ipairs(gates) do
    local open, at, cause = opening(key, gate, known, micro)
    -- What is full or used up now need not be when the job may start at all.
    if not open and (cause == 'paused' or state == 'waiting' and not parked) then
      closed_by(gate, cause, at, limits_of(key, gate, known))
    end
  end
  if parked then
    add('parked', parked)
  elseif state == 'waiting' then
    stand(place)
  end
  local deadline = redis.call('ZSCORE', key.deadlines, id)
  if deadline then
    add('expires', deadline)
  end
end

local alive = '(' .. digits(ms)
local since = digits(ms - 60000)
local reply = {
  state,
  digits(ms),
  redis.call('HGET', key.jobs, id) or '',
  redis.call('HLEN', key.active),
  redis.call('ZCOUNT', key.completed, since, '+inf') + redis.call('ZCOUNT', key.failed, since, '+inf'),
  reasons,
  redis.call('ZCOUNT', key.workers, alive, '+inf'),
}
local workers = redis.call('ZRANGEBYSCORE', key.workers, alive, '+inf', 'WITHSCORES', 'LIMIT', 0, most)
local told, elsewhere = redis.call('EXISTS', key.orders) == 1 and {}, 0
reply[#reply + 1] = 0
for at = 1, #workers, 2 do
  local order = told and redis.call('HGET', key.orders, workers[at])
  if order then
    told[workers[at]] = true
  end
  reply[#reply + 1] = workers[at]
  reply[#reply + 1] = workers[at + 1]
  reply[#reply + 1] = redis.call('HGET', key.worker_info, workers[at]) or '{}'
  reply[#reply + 1] = order or ''
end
-- What runs on workers that take no more takes no slot of the others.
if told and next(told) and redis.call('HLEN', key.active) <= reach then
  local entries = redis.call('HGETALL', key.active)
  for at = 2, #entries, 2 do
    local _, _, worker = holding(entries[at])
    elsewhere = elsewhere + (told[worker] and 1 or 0)
  end
  reply[8] = elsewhere
end
return reply
