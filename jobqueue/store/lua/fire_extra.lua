--[[ Start a job of a schedule beside its slots: now, or for a slot of the past.

@key firings hash
@arg schedule str
@arg kind str triggered or backfilled
@arg slot str in milliseconds; empty for now
@arg overlap str allow, skip, queue_one or cancel_running
@arg id str of its job
@arg specification str
@arg due str as for add
@arg steering str as for add_steered
@repeat safe
@returns {what became of it, the job}; {`missing`} if there is no such schedule; {`full`, milliseconds} if there is no room ]]
--@include clock
--@include digits
--@include start_slot
--@include slot_log
--@include bell
--@include pass_on
--@include emit
local ms, micro = clock(now)
if redis.call('HEXISTS', key.firings, schedule) == 0 then
  return {'missing'}
end
local became, detail = start_slot(key, schedule, kind, overlap, id, specification, due, steering, ms)
if became ~= 'full' and became ~= 'existed' then
  slot_log(key, schedule, became, slot == '' and digits(ms) or slot, detail, ms)
end
pass_on(key, 100, ms)
bell(key, micro)
emit(key, ms)
return {became, detail}
