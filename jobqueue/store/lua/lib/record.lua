--[[ The text of one execution: a JSON array of outcome, start, end, worker, token, body, and the time at which it is due
again, if it is to wait for that. `started` is nil where the job never ran. ]]
--@include digits
local function record(outcome, started, finished, worker, token, body, due)
  return '["' .. outcome .. '",' .. (started or 'null') .. ',' .. digits(finished) .. ',"' .. (worker or '') .. '",'
    .. (token or '0') .. ',' .. body .. (due and ',' .. digits(due) or '') .. ']'
end
