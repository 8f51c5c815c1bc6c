--[[ The member of a specification that says from when on a job might start, if that is not now: null if it is up to other
jobs. ]]
--@include digits
--@include time_of
local function might_start(due, steering, flow, now)
  local mode, period = string.match(steering.dedup or '', '^([%a_]+):(%d+)')
  if flow ~= '' or steering.after or mode == 'keep_last' then
    return '"due":null,'
  end
  local wait = mode == 'debounce' or mode == 'aggregate'
  local moment = wait and now + period or due == '' and 0 or time_of(due, now)
  return moment > now and '"due":' .. digits(moment) .. ',' or ''
end
