--[[ Notes what has happened to jobs: lib/emit.lua writes it down at the end of the call, all at once. Until then it lies in
the array part of `key`, which every function is handed: what has happened, ids, what has happened, ids ... At its index 0
is until when the queue keeps events, empty if it does not: then nothing is noted.
@uses meta ]]
local function happened(key, kind, ids)
  key[0] = key[0] or redis.call('HGET', key.meta, 'events') or ''
  if key[0] == '' or #ids == 0 then
    return
  end
  local place = 1
  while key[place] and key[place] ~= kind do
    place = place + 2
  end
  key[place], key[place + 1] = kind, key[place + 1] or {}
  local noted = key[place + 1]
  for _, id in ipairs(ids) do
    noted[#noted + 1] = id
  end
end
