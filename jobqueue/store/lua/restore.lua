--[[ Look for a few ids in the whole line and all inboxes, and in the same call put those that wait and lie nowhere into the
line, take one copy away of what lies there twice, and forget ghosts that lie nowhere.

@inboxes those of all workers and tombstones, in the order of @rest
@key ghosts set
@key held list
@key wait list
@arg ids str separated by spaces
@rest workers 1
@flags allow-oom
@repeat safe
@returns as lookup, but with 1 for what was mended ]]
--@include clock
--@include whereabouts
--@include end_again
--@include admit
--@include bell
--@include pass_on
--@include happened
--@include emit
local ms, micro = clock(now)
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
  local code, id, detail, copies = fault[1], fault[2], fault[3], fault[4]
  if code == 'lost' and detail == 'ended' then
    end_again(key, id, ms)
  elseif code == 'lost' then
    redis.call('SREM', key.ghosts, id)
    if copies == 0 then
      admit(key, {id}) -- else the ghost is the job from now on
    end
    happened(key, 'waiting', {id})
  elseif code == 'twice' then
    local removed = 0
    for _, line in ipairs({key.wait, key.held, unpack(inboxes)}) do
      removed = removed > 0 and removed or redis.call('LREM', line, 1, id)
    end
  elseif code == 'ghost' then
    redis.call('SREM', key.ghosts, id)
  end
  for at = 1, 3 do
    reply[#reply + 1] = fault[at]
  end
  reply[#reply + 1] = code == 'sound' and 0 or 1
end
pass_on(key, 100, ms)
bell(key, micro)
emit(key, ms)
return reply
