--[[ Keep what a running job says of itself: its progress, and lines for its log.
A log is one text: a line with the token that wrote last and how many lines it has written, then the lines, the oldest
dropped when the text is longer than `limit`.

@key active hash
@key progress hash
@key logs hash
@arg id str
@arg token str
@arg progress str JSON; empty if it did not change
@arg limit int bytes
@arg first int how many lines this execution had written before these: what was sent before is not written again
@rest lines 1 JSON text
@flags allow-oom
@repeat safe
@returns 1, or 0 if the job is not held under this token ]]
--@include clock
--@include digits
--@include holding
local ms = clock(now)
if holding(redis.call('HGET', key.active, id)) ~= token then
  return 0
end
if progress ~= '' then
  redis.call('HSET', key.progress, id, progress)
end
if rest > #ARGV then
  return 1
end
local text = redis.call('HGET', key.logs, id) or ''
local writer, written, lines = string.match(text, '^(%d+) (%d+)(.*)$')
written = writer == token and tonumber(written) or 0
local added = {lines or ''}
for at = rest + math.max(0, written - first), #ARGV do
  added[#added + 1] = '[' .. digits(ms) .. ',' .. ARGV[at] .. ']'
end
lines = table.concat(added, '\n')
if #lines > limit then
  local cut = string.find(lines, '\n', #lines - limit + 1, true)
  lines = cut and string.sub(lines, cut) or ''
end
redis.call('HSET', key.logs, id, token .. ' ' .. math.max(written, first + #ARGV - rest + 1) .. lines)
return 1
