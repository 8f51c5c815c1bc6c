--[[ Take messages that another queue has for jobs of this one: `link` has a job told when one of this queue ends, `arrive`
tells a job that one which it waits for has ended, `revive` that it runs again, `stop` calls a job off with all it waits
for, `commit` completes a flow that was added in
parts, and `discard` gives it up.

@key jobs hash
@key outcomes hash
@key dependents zset
@key outbox list
@key stagings zset
@rest messages 5 verb, id, dependency or dependent as QUEUE/ID, policy, body
@flags allow-oom
@repeat safe
@returns how many there were ]]
--@include clock
--@include queue_of
--@include bell
--@include pass_on
--@include emit
local ms, micro = clock(now)
local own, count = queue_of(key.jobs), 0
for at = rest, #ARGV, 5 do
  local verb, id, other, policy, body = ARGV[at], ARGV[at + 1], ARGV[at + 2], ARGV[at + 3], ARGV[at + 4]
  count = count + 1
  if verb == 'link' then
    local ended = redis.call('HGET', key.outcomes, id)
    redis.call('ZADD', key.dependents, 0, id .. '|' .. other .. '|' .. policy)
    if ended or redis.call('HEXISTS', key.jobs, id) == 0 then
      redis.call('RPUSH', key.outbox, 'end ' .. id)
    end
  elseif verb == 'arrive' then
    arrive(key, id, other, policy, body, ms)
  elseif verb == 'revive' then
    revive_edge(key, id, other, ms)
  elseif verb == 'stop' then
    call_off(key, id, body, true, ms)
  elseif verb == 'commit' or verb == 'discard' then
    redis.call('ZREM', key.stagings, id)
    redis.call('RPUSH', key.outbox, verb .. ' ' .. id)
  end
end
pass_on(key, 100, ms)
bell(key, micro)
emit(key, ms)
return count
