--[[ Ask to be told when a job ends, unless it has ended already. It is told once, on the channel `finished:<id>`.

@key jobs hash
@key outcomes hash
@key waiters set
@arg id str
@flags allow-oom
@repeat safe
@returns {state known: `ended`, `pending` or `missing`, how it ended} ]]
local outcome = redis.call('HGET', key.outcomes, id)
if outcome then
  return {'ended', outcome}
end
if redis.call('HEXISTS', key.jobs, id) == 0 then
  return {'missing', ''}
end
redis.call('SADD', key.waiters, id)
return {'pending', ''}
