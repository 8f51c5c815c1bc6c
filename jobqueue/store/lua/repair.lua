--[[ Look for what is wrong with a page of a structure, and mend it in the same call, so that nothing has changed meanwhile.

@arg place str see audit
@arg cursor str 0, then what the last call returned
@arg count int about how many entries
@flags allow-oom
@repeat safe
@returns as audit, but with 1 for what was mended ]]
--@include clock
--@include audit_page
--@include mend
--@include mend_rules
--@include bell
--@include pass_on
--@include emit
local ms, micro = clock(now)
local reply, found = audit_page(key, place, cursor, count)
local changed = false
for _, fault in ipairs(found) do
  local mended = mend(key, fault[1], fault[2], fault[3], ms, micro) or mend_rules(key, fault[1], fault[2], fault[3], ms, micro)
  changed = changed or mended
  for at = 1, 3 do
    reply[#reply + 1] = fault[at]
  end
  reply[#reply + 1] = mended and 1 or 0
end
if changed then
  pass_on(key, 100, ms)
  bell(key, micro)
  emit(key, ms)
end
return reply
