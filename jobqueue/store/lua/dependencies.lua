--[[ Read what a job waits for, or has waited for, some at a time.

@key edges zset
@key inputs hash
@arg id str
@arg cursor str empty, then what the last call returned
@arg count int
@flags no-writes
@repeat safe
@returns {cursor of the next page or empty, QUEUE/ID|POLICY|NUMBER, how it ended or empty, ...} ]]
local from = cursor == '' and '[' .. id .. '|' or '(' .. cursor
local members = redis.call('ZRANGEBYLEX', key.edges, from, '(' .. id .. '}', 'LIMIT', 0, count)
local reply = {#members == count and members[#members] or ''}
for _, member in ipairs(members) do
  local dependency, policy = string.match(member, '^[^|]*|([^|]*)|(.*)$')
  reply[#reply + 1] = dependency .. '|' .. policy
  reply[#reply + 1] = redis.call('HGET', key.inputs, id .. '|' .. dependency) or ''
end
return reply
