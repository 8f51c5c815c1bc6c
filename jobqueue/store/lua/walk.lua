--[[ Read ids of the line, from the left, where jobs come in: what comes in moves those that are to be read on, and none that
stays is passed over.

@key meta hash
@key wait list
@key held list
@arg offset int
@arg count int
@flags no-writes
@repeat safe
@returns {how many the line has, id, ...} ]]
local state = redis.call('HMGET', key.meta, 'paused', 'limited')
local line = (state[1] or state[2]) and key.held or key.wait
return {redis.call('LLEN', line), unpack(redis.call('LRANGE', line, offset, offset + count - 1))}
