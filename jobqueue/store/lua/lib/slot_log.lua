--[[ Keeps what became of a slot: a line `KIND SLOT AT DETAIL`, of which a schedule has the latest 50. The kind is fired,
existed, duplicate, skipped, missed, triggered or backfilled; the detail is the job, or the one that stands in its place or
is in its way.
@uses fired ]]
--@include digits
local function slot_log(key, schedule, kind, slot, detail, now)
  local text = redis.call('HGET', key.fired, schedule) or ''
  local line = kind .. ' ' .. slot .. ' ' .. digits(now) .. ' ' .. detail
  text = text == '' and line or text .. '\n' .. line
  local _, breaks = string.gsub(text, '\n', '')
  if breaks >= 50 then
    text = string.sub(text, string.find(text, '\n', 1, true) + 1)
  end
  redis.call('HSET', key.fired, schedule, text)
end
