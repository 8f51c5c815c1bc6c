--[[ Notes what has happened to jobs and is recorded nowhere else. `entries` is a list of {id, event, detail}, each id once.
The notes of a job are how many lines were dropped, then the latest 40, which are `AT EVENT DETAIL`.
@uses notes ]]
--@include digits
--@include each_chunk
local function jot(key, entries, now)
  if #entries == 0 then
    return
  end
  local ids, written, head = {}, {}, '\n' .. digits(now) .. ' '
  for index, entry in ipairs(entries) do
    ids[index] = entry[1]
  end
  local before = redis.call('EXISTS', key.notes) == 1 and redis.call('HMGET', key.notes, unpack(ids)) or {}
  for index, entry in ipairs(entries) do
    local words = string.gsub(entry[2] .. ' ' .. (entry[3] or ''), '\n', ' ')
    local dropped, lines = string.match(before[index] or '0', '^(%d+)(.*)$')
    lines = lines .. head .. string.sub(words, 1, 300)
    local _, count = string.gsub(lines, '\n', '')
    if count > 40 then
      local second = string.find(lines, '\n', 2, true)
      dropped, lines = dropped + 1, string.sub(lines, second)
    end
    written[2 * index - 1], written[2 * index] = entry[1], dropped .. lines
  end
  each_chunk('HSET', key.notes, written)
end
