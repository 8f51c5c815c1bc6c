--[[ Look for a few ids in the whole line and all inboxes: what was not met while those were read.

@inboxes those of all workers and tombstones, in the order of @rest
@arg ids str separated by spaces
@rest workers 1
@flags no-writes
@repeat safe
@returns see lib/whereabouts.lua: {how many, code, id, detail, 0, ...} ]]
--@include whereabouts
local workers = {}
for at = rest, #ARGV do
  workers[#workers + 1] = ARGV[at]
end
local wanted = {}
for id in string.gmatch(ids, '%S+') do
  wanted[#wanted + 1] = id
end
local count, found = whereabouts(key, wanted, inboxes, workers)
local reply = {count}
for _, fault in ipairs(found) do
  for at = 1, 3 do
    reply[#reply + 1] = fault[at]
  end
  reply[#reply + 1] = 0
end
return reply
