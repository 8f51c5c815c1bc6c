--[[ How a job stands that waits for others, given how many it waits for and how many have failed it: it fails, goes on, or is blocked.
@uses blocking blocked ]]
--@include digits
--@include record
--@include finish
--@include jot
--@include time_of
--@include unblock
--@include happened
local function standing(key, id, remaining, failing, due, cause, now)
  redis.call('HSET', key.blocking, id, remaining .. ' ' .. failing .. ' ' .. due)
  if failing > 0 then
    redis.call('ZREM', key.blocked, id)
    local why = '{"fingerprint":"79fbe6c80c37","type":"DependencyFailed","message":"' .. (cause or 'a job that it waits for has not completed') .. '"}'
    finish(key, 'failed', {{id = id, ttl = -1, record = record('failed', nil, now, nil, nil, why)}}, now)
  elseif remaining == 0 then
    if redis.call('ZREM', key.blocked, id) == 1 then
      local moment = due == '' and 0 or time_of(due, now)
      local last = string.match(cause or '', '^([^,]*),') or ''
      jot(key, {{id, 'unblocked', last .. (moment > now and ' ' .. digits(moment) or '')}}, now)
    end
    happened(key, unblock(key, id, due, now), {id})
  else
    redis.call('ZADD', key.blocked, 'NX', digits(now), id)
  end
end
