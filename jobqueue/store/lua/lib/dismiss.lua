--[[ Deletes jobs that have not begun, were taken out of where they lay, and will never run; whoever waits for one is told.
@uses waiters finished ]]
--@include let_go
--@include forget
--@include happened
local function dismiss(key, ids)
  let_go(key, ids)
  forget(key, ids)
  happened(key, 'removed', ids)
  if redis.call('EXISTS', key.waiters) == 1 then
    for _, id in ipairs(ids) do
      if redis.call('SREM', key.waiters, id) == 1 then
        redis.call('PUBLISH', key.finished .. ':' .. id, '')
      end
    end
  end
end
