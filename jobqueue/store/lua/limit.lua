--[[ Set limits of a gate: those that are named, in the place of what was declared in code.

@key limits hash
@arg gate str queue, keys (for each key), key:KEY or task:NAME
@rest limits 2 name, value. The names are concurrency, rate ("INTERVAL BURST LIMIT PER": microseconds, jobs, and how it was written), weight, max_size,
  on_full, paused; an empty value takes a limit back to what was declared, and `-` takes it away.
@flags allow-oom
@repeat safe
@returns 1 ]]
--@include clock
--@include set_limit
--@include enforce
local _, micro = clock(now)
for at = rest, #ARGV, 2 do
  local field, value = ARGV[at] .. ' ' .. gate, ARGV[at + 1]
  if value == '' then
    redis.call('HDEL', key.limits, '!' .. field)
    set_limit(key, field, redis.call('HGET', key.limits, '=' .. field) or '-')
  else
    redis.call('HSET', key.limits, '!' .. field, '1')
    set_limit(key, field, value)
  end
end
enforce(key, gate, micro)
return 1
