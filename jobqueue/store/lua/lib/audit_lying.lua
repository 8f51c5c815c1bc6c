--[[ Finds what is wrong with the ids of a page of the line, or of an inbox; `name` is what the line is called, and
`last` whether this is its end, where `wait` may have a bell.
@uses ghosts jobs outcomes ]]
--@include lies_in
local function audit_lying(key, place, name, ids, last, found)
  for index, id in ipairs(ids) do
    if id == '*' then
      if place == 'line' and (index < #ids or not last or name == 'held') then
        found[#found + 1] = {'bell', '*', name}
      end
    elseif redis.call('SISMEMBER', key.ghosts, id) == 0 then
      local places = lies_in(key, id)
      if redis.call('HEXISTS', key.jobs, id) == 0 then
        found[#found + 1] = {'orphan', id, place}
      elseif #places > 0 then
        found[#found + 1] = {'scattered', id, place .. ' ' .. table.concat(places, ' ')}
      elseif redis.call('HEXISTS', key.outcomes, id) == 1 then
        found[#found + 1] = {'unended', id, place}
      end
    end
  end
end
