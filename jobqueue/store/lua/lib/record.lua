--[[ The text of one execution: a JSON array of outcome, start, end, worker, token, body. `started` is nil where the job
never ran. ]]
--@include digits
local function record(outcome, started, finished, worker, token, body)
  return '["' .. outcome .. '",' .. (started or 'null') .. ',' .. digits(finished) .. ',"' .. (worker or '') .. '",'
    .. (token or '0') .. ',' .. body .. ']'
end
