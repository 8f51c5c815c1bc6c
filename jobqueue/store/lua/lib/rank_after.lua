--[[ Where in a sorted set the members begin that come after a score and an id. It need not be there any more: so a page
begins where the last one ended, whatever has left or come in between. ]]
--@include precedes
local function rank_after(name, score, id)
  local low = redis.call('ZCOUNT', name, '-inf', '(' .. score)
  if id == '' then
    return low
  end
  local high = low + redis.call('ZCOUNT', name, score, score)
  while low < high do
    local middle = math.floor((low + high) / 2)
    if precedes(id, redis.call('ZRANGE', name, middle, middle)[1]) then
      high = middle
    else
      low = middle + 1
    end
  end
  return low
end
