--[[ Looks for ids in the line and in all inboxes, from one end to the other: that is why only few are looked for, and fewer
the longer the line is.
@uses workers tombstones wait held ghosts jobs outcomes
@returns how many ids were looked for, or -1 if there are inboxes that were not named; a list of {code, id, detail, copies}: `lost` is a
  job that waits and lies nowhere, `twice` one that lies there more than once, `ghost` a ghost that lies nowhere, `sound`
  all else ]]
--@include lies_in
local function whereabouts(key, ids, inboxes, workers)
  local known, found, walked = {}, {}, 0
  for _, worker in ipairs(workers) do
    known[worker] = true
  end
  for _, name in ipairs({key.workers, key.tombstones}) do
    for _, worker in ipairs(redis.call('ZRANGE', name, 0, -1)) do
      if not known[worker] then
        return -1, {}
      end
    end
  end
  local lines = {key.wait, key.held, unpack(inboxes)}
  for _, id in ipairs(ids) do
    if walked > 200000 then
      break
    end
    local copies = 0
    for _, line in ipairs(lines) do
      walked = walked + redis.call('LLEN', line) + 10
      copies = copies + #redis.call('LPOS', line, id, 'COUNT', 3)
    end
    local ghost = redis.call('SISMEMBER', key.ghosts, id)
    local code, detail = 'sound', ''
    if redis.call('HEXISTS', key.jobs, id) == 1 and #lies_in(key, id) == 0 then
      if copies - ghost <= 0 then
        code, detail = 'lost', redis.call('HEXISTS', key.outcomes, id) == 1 and 'ended' or ''
      elseif copies - ghost > 1 then
        code = 'twice'
      end
    elseif ghost == 1 and copies == 0 then
      code = 'ghost'
    end
    found[#found + 1] = {code, id, detail, copies}
  end
  return #found, found
end
