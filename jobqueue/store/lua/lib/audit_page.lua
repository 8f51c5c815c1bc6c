--[[ Looks at a page of a structure: each entry is decided by look-ups within this one call, so that nothing can have moved
meanwhile. `place` is the name of the structure; `line` is `wait`, or `held` while it is called so; `inbox` is that of one
worker; `names` is whether the line has the name that it is to have.
@uses meta wait held inbox jobs active attempts outcomes progress logs notes parked cancelling traits places owning
@uses aggregates blocking dedup closed schedules firings fired outstanding worker_info claims orders declaring delayed blocked
@uses parking completed failed cancelled fingerprints expiring deadlines keyed backlog ring gated slots edges
@uses upcoming workers waiters ghosts
@returns {cursor of the next page or 0, how many entries, how many bytes, how many were left out}, what was found: a list of
  {code, id, detail} ]]
--@include audit_job
--@include audit_lying
--@include audit_blocked
--@include audit_edge
--@include audit_lane
--@include audit_entry
local function audit_page(key, place, cursor, count)
  local found, seen = {}, {limits = {}, room = 1000, skipped = 0}
  local meta = redis.call('HMGET', key.meta, 'paused', 'limited')
  local is_held = meta[1] or meta[2]
  if place == 'names' then
    local line = is_held and key.wait or key.held
    local length = redis.call('LLEN', line)
    local rings = is_held and length == 1 and redis.call('LINDEX', line, 0) == '*'
    if rings and meta[1] then
      found[1] = {'bell', '*', 'wait'}
    elseif length > 0 and not rings then
      found[1] = {'line', is_held and 'wait' or 'held', ''}
    end
    return {'0', length, 0, 0}, found
  elseif place == 'line' or place == 'inbox' then
    local line = place == 'inbox' and key.inbox or is_held and key.held or key.wait
    local offset = tonumber(cursor)
    local ids = redis.call('LRANGE', line, offset, offset + count - 1)
    local last = offset + #ids >= redis.call('LLEN', line)
    audit_lying(key, place, is_held and 'held' or 'wait', ids, last, found)
    return {last and '0' or string.format('%.0f', offset + #ids), #ids, 0, 0}, found
  end

  local hashes = {jobs = key.jobs, active = key.active, attempts = key.attempts, outcomes = key.outcomes, progress = key.progress, logs = key.logs, notes = key.notes, parked = key.parked, cancelling = key.cancelling, traits = key.traits, places = key.places, owning = key.owning, aggregates = key.aggregates, blocking = key.blocking, dedup = key.dedup, closed = key.closed, schedules = key.schedules, firings = key.firings, fired = key.fired, outstanding = key.outstanding, worker_info = key.worker_info, claims = key.claims, orders = key.orders, declaring = key.declaring}
  local sorted = {delayed = key.delayed, blocked = key.blocked, parking = key.parking, completed = key.completed, failed = key.failed, cancelled = key.cancelled, fingerprints = key.fingerprints, expiring = key.expiring, deadlines = key.deadlines, keyed = key.keyed, backlog = key.backlog, ring = key.ring, gated = key.gated, slots = key.slots, edges = key.edges, upcoming = key.upcoming, workers = key.workers}
  local laned = {backlog = 1, slots = 1, keyed = 1, ring = 1, closed = 1, gated = 1}
  local name = hashes[place] or sorted[place] or place == 'waiters' and key.waiters or key.ghosts
  local plain = not hashes[place] and not sorted[place]
  local command = hashes[place] and 'HSCAN' or sorted[place] and 'ZSCAN' or 'SSCAN'
  local page = redis.call(command, name, cursor, 'COUNT', count)
  local entries, bytes = page[2], 0
  for at = 1, #entries, plain and 1 or 2 do
    local entry, value = entries[at], plain and '' or entries[at + 1]
    bytes = bytes + #value
    if place == 'jobs' then
      audit_job(key, entry, value, found)
    elseif place == 'ghosts' then
      found[#found + 1] = {'ghost', entry, ''} -- it is to be looked for in the line
    elseif place == 'edges' then
      audit_edge(key, entry, seen, found)
    elseif laned[place] then
      audit_lane(key, place, entry, value, seen, found)
    else
      local before = #found
      audit_entry(key, place, entry, value, seen, found)
      if place == 'blocked' and #found == before then
        audit_blocked(key, entry, seen, found)
      end
    end
  end
  return {page[1], plain and #entries or #entries / 2, bytes, seen.skipped}, found
end
