--[[ Claim up to `n` jobs for a worker: those in its inbox first.

@key wait list
@key attempts hash
@arg worker str
@arg request str a number that the worker raises with each call; sent again, it gets the same answer
@arg n int
@arg answered int the last request that was answered; 0 if what the server knows is to count
@flags allow-oom
@repeat safe
@returns see lib/claim_for.lua ]]
--@include clock
--@include remembered
--@include lean
--@include claim_for
local ms, micro = clock(now)
local memory = remembered(key, worker, request)
local ask = {worker = worker, request = request, n = n, verdicts = memory.verdicts or '-', memory = memory, landed = true}
ask.forgotten = not memory.ids and memory.last < answered
ask.lean, ask.bare = lean(key, {key.wait, key.attempts})
return claim_for(key, ask, ms, micro)
