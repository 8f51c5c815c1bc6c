--[[ Counts how an execution ended without ending its job, and keeps the record of it.
A job's bookkeeping is a line with five counters (failures, lost, interrupted, snoozed, rate limited), then one line for each of the
latest 20 executions. `revived` counts nothing: it sets failures and losses back;
`blocked` counts nothing either: it leaves a trace that the job has begun. `line` may be nil.
@uses attempts
@returns the counter, counted up ]]
local function note(key, id, outcome, line)
  local text = redis.call('HGET', key.attempts, id) or '0 0 0 0 0'
  local counters, history = string.match(text, '^([%d ]+)(.*)$')
  if not counters then
    -- A hand in the data. An error here would leave a job nowhere, because it has been taken out of where it was.
    counters, history = '0 0 0 0 0', ''
  end
  local place = ({retried = 1, failed = 1, lost = 2, interrupted = 3, snoozed = 4, limited = 5})[outcome]
  local counts, index, counted = {}, 0, 0
  for count in string.gmatch(counters, '%d+') do
    index = index + 1
    if index == place then
      counted = count + 1
      count = counted
    elseif outcome == 'revived' and index <= 2 then
      count = 0
    end
    counts[index] = count
  end
  if line then
    history = history .. '\n' .. line
    local _, lines = string.gsub(history, '\n', '')
    if lines > 20 then
      local second = string.find(history, '\n', 2, true)
      history = string.sub(history, second)
    end
  end
  redis.call('HSET', key.attempts, id, table.concat(counts, ' ') .. history)
  return counted
end
