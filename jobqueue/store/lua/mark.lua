--[[ Write something, without a trace: what WAITAOF waits for then.

@key meta hash
@flags allow-oom
@repeat safe
@returns nothing ]]
redis.call('HSET', key.meta, 'mark', '1')
redis.call('HDEL', key.meta, 'mark')
return 0
