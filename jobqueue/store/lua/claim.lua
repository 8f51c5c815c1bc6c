--[[ Claim up to `n` jobs for a worker: those in its inbox first.

@arg worker str
@arg request str a number that the worker raises with each call; sent again, it gets the same answer
@arg n int
@flags allow-oom
@repeat safe
@returns see lib/claim_for.lua ]]
--@include clock
--@include remembered
--@include claim_for
local ms, micro = clock(now)
return claim_for(key, worker, request, n, '-', remembered(key, worker, request), ms, micro)
