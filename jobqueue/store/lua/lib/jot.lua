--[[ Notes what has happened to a job and is recorded nowhere else: how many lines were dropped, then the latest 40, which
are `AT EVENT DETAIL`.
@uses notes ]]
--@include digits
local function jot(key, id, event, detail, now)
  local dropped, lines = string.match(redis.call('HGET', key.notes, id) or '0', '^(%d+)(.*)$')
  local words = string.sub(string.gsub(event .. ' ' .. detail, '\n', ' '), 1, 300)
  lines = lines .. '\n' .. digits(now) .. ' ' .. words
  local _, count = string.gsub(lines, '\n', '')
  if count > 40 then
    local second = string.find(lines, '\n', 2, true)
    lines = string.sub(lines, second)
    dropped = dropped + 1
  end
  redis.call('HSET', key.notes, id, dropped .. lines)
end
