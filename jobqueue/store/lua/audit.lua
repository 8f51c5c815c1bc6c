--[[ Look for what is wrong with a page of a structure, and leave it as it is.

@arg place str the name of a structure, `line`, `inbox` or `names`; see lib/audit_page.lua
@arg cursor str 0, then what the last call returned
@arg count int about how many entries
@flags no-writes
@repeat safe
@returns {cursor of the next page or 0, how many entries, how many bytes, how many were left out, code, id, detail, 0, ...}; the codes `nowhere`
  and `ghost` are of ids that are to be looked for in the line, `foreign` is of jobs that wait for one of another queue ]]
--@include audit_page
local reply, found = audit_page(key, place, cursor, count)
for _, fault in ipairs(found) do
  for at = 1, 3 do
    reply[#reply + 1] = fault[at]
  end
  reply[#reply + 1] = 0
end
return reply
