--[[ Where a job is in its life: derived, because no job carries its state.
@uses jobs active delayed blocked outcomes completed failed cancelled
@returns a state, or `missing` ]]
local function state_of(key, id)
  if redis.call('HEXISTS', key.jobs, id) == 0 then
    return 'missing'
  end
  if redis.call('HEXISTS', key.active, id) == 1 then
    return 'active'
  end
  if redis.call('ZSCORE', key.delayed, id) then
    return 'delayed'
  end
  if redis.call('ZSCORE', key.blocked, id) then
    return 'blocked'
  end
  if redis.call('HEXISTS', key.outcomes, id) == 1 then
    for _, state in ipairs({'completed', 'failed', 'cancelled'}) do
      if redis.call('ZSCORE', key[state], id) then
        return state
      end
    end
  end
  return 'waiting'
end
