--[[ Read which jobs a job still waits for, some at a time.

@key edges zset
@key inputs hash
@key jobs hash
@arg id str
@arg cursor str empty, then what the last call returned
@arg count int how many of all that it has waited for are looked at
@arg most int how many are returned
@flags no-writes
@repeat safe
@returns {cursor of the next page or empty, QUEUE/ID|POLICY|NUMBER, its state if it is of this queue or empty, ...} ]]
--@include queue_of
--@include state_of
local own = queue_of(key.jobs)
local members = redis.call('ZRANGEBYLEX', key.edges, cursor == '' and '[' .. id .. '|' or '(' .. cursor, '(' .. id .. '}', 'LIMIT', 0, count)
local reply = {#members == count and members[#members] or ''}
for _, member in ipairs(members) do
  local dependency, policy = string.match(member, '^[^|]*|([^|]*)|(.*)$')
  local queue, other = string.match(dependency, '^([^/]*)/(.*)$')
  if queue ~= '-' and redis.call('HEXISTS', key.inputs, id .. '|' .. dependency) == 0 then
    if #reply > 2 * most then
      return reply
    end
    reply[1] = member
    reply[#reply + 1] = dependency .. '|' .. policy
    reply[#reply + 1] = queue == own and state_of(key, other) or ''
  end
end
reply[1] = #members == count and members[#members] or ''
return reply
