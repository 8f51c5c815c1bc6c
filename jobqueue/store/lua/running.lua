--[[ Read who runs how many jobs of a queue, and which of them have run for longest; of very many, some.

@key active hash
@key jobs hash
@arg count int how many jobs
@arg most int how many are looked at
@flags no-writes
@repeat safe
@returns {1 if all were looked at else 0, how many workers follow, worker, number of jobs, ..., id, entry in active, task, ...} ]]
--@include holding
--@include task_of
local page = redis.call('HSCAN', key.active, 0, 'COUNT', most)
local running, busy, workers = {}, {}, {}
for at = 1, #page[2], 2 do
  local token, _, worker = holding(page[2][at + 1])
  running[#running + 1] = {id = page[2][at], entry = page[2][at + 1], token = tonumber(token)}
  if not busy[worker] then
    workers[#workers + 1] = worker
  end
  busy[worker] = (busy[worker] or 0) + 1
end
-- Tokens grow with time.
table.sort(running, function(one, other)
  return one.token < other.token
end)
local reply = {page[1] == '0' and 1 or 0, #workers}
for _, worker in ipairs(workers) do
  reply[#reply + 1] = worker
  reply[#reply + 1] = busy[worker]
end
for index = 1, math.min(count, #running) do
  reply[#reply + 1] = running[index].id
  reply[#reply + 1] = running[index].entry
  reply[#reply + 1] = task_of(redis.call('HGET', key.jobs, running[index].id))
end
return reply
