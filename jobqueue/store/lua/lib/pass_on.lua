--[[ Works off the outbox: what the end of jobs means for those that depend on them, some at a time.
An entry is a verb, an id, and how far it has been worked off. What concerns another queue goes to `outgoing`, from where
a worker carries it there.
@uses jobs outbox edges staging stagings dependents outcomes outgoing inputs blocked blocking ]]
--@include queue_of
--@include arrive
--@include revive_edge
--@include call_off
--@include happened
local function pass_on(key, budget, now)
  local own = queue_of(key.jobs)
  while budget > 0 do
    local entry = redis.call('LINDEX', key.outbox, 0)
    if not entry then
      return
    end
    local verb, id, rest = string.match(entry, '^(%S+) (%S+) ?(.*)$')
    local bonds = (verb == 'stop' or verb == 'sweep') and key.edges or verb == 'commit' and key.staging
      or verb == 'discard' and key.staging or key.dependents
    local cursor, body = string.match(rest, '^(@%S+) ?(.*)$')
    body = cursor and body or rest
    local from = cursor and '(' .. string.sub(cursor, 2) or '[' .. id .. '|'
    local members = redis.call('ZRANGEBYLEX', bonds, from, '(' .. id .. '}', 'LIMIT', 0, budget)
    local ended = verb == 'end' and redis.call('HGET', key.outcomes, id)
    -- It may live again by now; then it is told when it ends once more.
    local skipped = verb == 'end' and not ended and redis.call('HEXISTS', key.jobs, id) == 1
    -- Its producer has come back, and goes on with it.
    skipped = skipped or verb == 'discard' and redis.call('ZSCORE', key.stagings, id)
    -- There is another job of this id by now, which has bonds of its own.
    local again = verb == 'sweep' and redis.call('HEXISTS', key.jobs, id) == 1
    skipped = skipped or again and redis.call('HEXISTS', key.blocking, id) == 1
    for _, member in ipairs(skipped and {} or members) do
      local queue, other, policy = string.match(member, '^[^|]*|([^/|]*)/?([^|]*)|?(.*)$')
      if verb == 'end' then
        if queue == own then
          arrive(key, other, own .. '/' .. id, policy, ended or '', now)
        else
          redis.call('HSET', key.outgoing, queue .. ' arrive ' .. other .. ' ' .. own .. '/' .. id .. ' ' .. policy, ended or '')
        end
      elseif verb == 'revive' then
        if queue == own then
          revive_edge(key, other, own .. '/' .. id, now)
        else
          redis.call('HSET', key.outgoing, queue .. ' revive ' .. other .. ' ' .. own .. '/' .. id .. ' -', '')
        end
      elseif verb == 'stop' then
        if redis.call('HEXISTS', key.inputs, id .. '|' .. queue .. '/' .. other) == 0 then
          if queue == own then
            call_off(key, other, body, true, now)
          else
            redis.call('HSET', key.outgoing, queue .. ' stop ' .. other .. ' ' .. own .. '/' .. id .. ' -', body)
          end
        end
      elseif verb == 'sweep' then
        redis.call('ZREM', key.edges, member)
        redis.call('HDEL', key.inputs, id .. '|' .. queue .. '/' .. other)
      elseif verb == 'commit' or verb == 'discard' then
        redis.call('ZREM', key.staging, member)
        if verb == 'commit' then
          arrive(key, queue, '-/' .. id, 'run', '["completed"]', now)
        elseif redis.call('ZREM', key.blocked, queue) == 1 then
          let_go(key, {queue})
          forget(key, {queue})
          happened(key, 'removed', {queue})
        end
      end
    end
    if verb == 'sweep' and not again and #members < budget then
      local others = redis.call('ZRANGEBYLEX', key.dependents, '[' .. id .. '|', '(' .. id .. '}', 'LIMIT', 0, budget)
      if #others > 0 then
        redis.call('ZREM', key.dependents, unpack(others))
        members = #others == budget and others or members
      end
    end
    if #members < budget or skipped then
      if verb == 'sweep' and redis.call('HEXISTS', key.jobs, id) == 0 then
        redis.call('HDEL', key.outcomes, id)
      end
      redis.call('LPOP', key.outbox)
    elseif verb == 'sweep' or verb == 'commit' or verb == 'discard' then
      redis.call('LSET', key.outbox, 0, verb .. ' ' .. id .. (body ~= '' and ' ' .. body or ''))
    else
      redis.call('LSET', key.outbox, 0, verb .. ' ' .. id .. ' @' .. members[#members] .. (body ~= '' and ' ' .. body or ''))
    end
    budget = budget - #members - 1
  end
end
