--[[ Write something, without a trace: what WAIT and WAITAOF wait for then.

@key meta hash
@flags allow-oom
@repeat safe
@returns 0 ]]
redis.call('HSET', key.meta, 'mark', '1')
redis.call('HDEL', key.meta, 'mark')
return 0
