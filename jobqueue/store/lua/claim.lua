--[[ Claim up to `n` jobs for a worker: those in its inbox first.

@arg worker str
@arg request str a number that the worker raises with each call; sent again, it gets the same answer
@arg n int
@arg answered int the last request that was answered; 0 if what the server knows is to count
@flags allow-oom
@repeat safe
@returns see lib/claim_for.lua ]]
--@include clock
--@include remembered
--@include claim_for
local ms, micro = clock(now)
local before, last = remembered(key, worker, request)
return claim_for(key, worker, request, n, '-', before, not before and last < answered, ms, micro)
