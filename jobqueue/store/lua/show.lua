--[[ Read everything about a job.

@key jobs hash
@key active hash
@key delayed zset
@key outcomes hash
@key parked hash
@key attempts hash
@key progress hash
@key cancelling hash
@key traits hash
@key deadlines zset
@key owning hash
@key blocking hash
@key notes hash
@arg id str
@flags no-writes
@repeat safe
@returns {state, specification, entry in active, due, parked, outcome, attempts, progress, reason to stop, priority and
  key, deadline, deduplication, what it waits for, notes} ]]
--@include state_of
return {
  state_of(key, id),
  redis.call('HGET', key.jobs, id) or '',
  redis.call('HGET', key.active, id) or '',
  redis.call('ZSCORE', key.delayed, id) or '',
  redis.call('HGET', key.parked, id) or '',
  redis.call('HGET', key.outcomes, id) or '',
  redis.call('HGET', key.attempts, id) or '',
  redis.call('HGET', key.progress, id) or '',
  redis.call('HGET', key.cancelling, id) or '',
  redis.call('HGET', key.traits, id) or '',
  redis.call('ZSCORE', key.deadlines, id) or '',
  redis.call('HGET', key.owning, id) or '',
  redis.call('HGET', key.blocking, id) or '',
  redis.call('HGET', key.notes, id) or '',
}
