--[[ What is known of the last request that a worker made: `last`, its number, 0 if none is known; and if it is this very
one, what it was answered: `verdicts`, `first` (token), `ids`. And `token`, the last that any worker was given.
A memory is one text: request, verdicts, first token, ids.
@uses claims ]]
local function remembered(key, worker, request)
  local known = redis.call('HMGET', key.claims, worker, 'token')
  local memory = {last = 0, token = tonumber(known[2] or nil) or 0}
  if not known[1] then
    return memory
  end
  local last, verdicts, first, rest = string.match(known[1], '^(%S+) (%S+) (%d+)(.*)$')
  memory.last = tonumber(last)
  if last == request then
    memory.verdicts, memory.first, memory.ids = verdicts, tonumber(first), {}
    for id in string.gmatch(rest, '%S+') do
      table.insert(memory.ids, id)
    end
  end
  return memory
end
