--[[ Read which jobs the server takes a worker to hold, some at a time.

@key active hash
@arg worker str
@arg cursor str 0, then what the last call returned
@arg count int how many entries of all workers one call looks at
@flags no-writes
@repeat safe
@returns {cursor, id, token, ...} ]]
--@include holding
local page = redis.call('HSCAN', key.active, cursor, 'COUNT', count)
local reply = {page[1]}
for at = 1, #page[2], 2 do
  local token, _, holder = holding(page[2][at + 1])
  if holder == worker then
    reply[#reply + 1] = page[2][at]
    reply[#reply + 1] = token
  end
end
return reply
