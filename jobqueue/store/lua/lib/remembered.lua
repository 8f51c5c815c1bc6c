--[[ What a worker was answered to a request, if that is the last one it made.
A memory is one text: request, verdicts, first token, ids.
@uses claims
@returns {verdicts = , first = , ids = }, or nil; and the number of the last request, 0 if none is known ]]
local function remembered(key, worker, request)
  local memory = redis.call('HGET', key.claims, worker)
  if not memory then
    return nil, 0
  end
  local last, verdicts, first, rest = string.match(memory, '^(%S+) (%S+) (%d+)(.*)$')
  if last ~= request then
    return nil, tonumber(last)
  end
  local ids = {}
  for id in string.gmatch(rest, '%S+') do
    ids[#ids + 1] = id
  end
  return {verdicts = verdicts, first = tonumber(first), ids = ids}, tonumber(last)
end
