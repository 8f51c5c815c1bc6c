--[[ Set the limits that an application declares in code. What was set at run time stays. What a gate was declared to have
before and has no more goes; what is declared for gates that are not named stays, because it may be another application's.

@key limits hash
@rest limits 3 gate, name, value; a gate without limits has one group with an empty name. `keys` speaks for all keys.
@flags allow-oom
@repeat safe
@returns 1 if something has changed ]]
--@include clock
--@include set_limit
--@include enforce
local _, micro = clock(now)
local declared, named, gates = {}, {}, {}
for at = rest, #ARGV, 3 do
  named[ARGV[at]] = true
  if ARGV[at + 1] ~= '' then
    declared[ARGV[at + 1] .. ' ' .. ARGV[at]] = ARGV[at + 2]
  end
end
local names = {}
for field in string.gmatch(redis.call('HGET', key.limits, '=') or '', '[^,]+') do
  local gate = string.match(field, ' (.*)$')
  if not named[gate] and not (named.keys and string.sub(gate, 1, 4) == 'key:') then
    names[#names + 1] = field
  elseif not declared[field] then
    redis.call('HDEL', key.limits, '=' .. field)
    if redis.call('HEXISTS', key.limits, '!' .. field) == 0 then
      set_limit(key, field, '-')
    end
    gates[gate] = true
  end
end
for field, value in pairs(declared) do
  names[#names + 1] = field
  if redis.call('HGET', key.limits, '=' .. field) ~= value then
    redis.call('HSET', key.limits, '=' .. field, value)
    if redis.call('HEXISTS', key.limits, '!' .. field) == 0 then
      set_limit(key, field, value)
    end
    gates[string.match(field, ' (.*)$')] = true
  end
end
table.sort(names)
if #names > 0 then
  redis.call('HSET', key.limits, '=', table.concat(names, ','))
else
  redis.call('HDEL', key.limits, '=')
end
local changed = 0
for gate in pairs(gates) do
  changed = 1
  enforce(key, gate, micro)
end
return changed
