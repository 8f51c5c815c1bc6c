--[[ Takes executions back from a worker that will not settle them.
How they are taken back is the `outcome`: `interrupted` is not held against the job; `lost` is, and a job lost
`max_lost` times has failed: it is likely to be what kills its workers.
A job that was asked to stop is cancelled instead. `runs` is a list of {id = , token = , started = , worker = , body = }.
@uses cancelling
@returns how many wait again, how many have failed ]]
--@include record
--@include note
--@include finish
--@include admit
--@include happened
local function lose(key, outcome, runs, max_lost, now)
  local again, failed, cancelled = {}, {}, {}
  for _, run in ipairs(runs) do
    local reason = redis.call('HGET', key.cancelling, run.id)
    local line = record(outcome, run.started, now, run.worker, run.token, run.body)
    if reason then
      cancelled[#cancelled + 1] =
        {id = run.id, ttl = -1, record = record('cancelled', run.started, now, run.worker, run.token, reason)}
    elseif note(key, run.id, outcome, line) >= max_lost and outcome == 'lost' then
      -- The body is a JSON string, and goes on from within another.
      local why = '{"fingerprint":"c736a0c32f2b","type":"WorkerLost","message":"it was lost ' .. max_lost
        .. ' times while it ran, and is taken for the cause; the last time ' .. string.sub(run.body, 2) .. '}'
      failed[#failed + 1] =
        {id = run.id, ttl = -1, record = record('failed', run.started, now, run.worker, run.token, why)}
    else
      again[#again + 1] = run.id
    end
    if not reason then
      happened(key, outcome, {run.id})
    end
  end
  finish(key, 'failed', failed, now)
  finish(key, 'cancelled', cancelled, now)
  admit(key, again, true)
  return #again, #failed
end
