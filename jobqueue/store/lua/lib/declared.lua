--[[ Whether the code of a live worker declares a schedule. `worker` is looked at first, unless it is `all`: mostly all run
the same code, and then the others need not be read. `text` is ` NAME=` or ` NAME=REVISION `.
What has been read stays at the index -1 of `key`, which every function is handed.
@uses declaring ]]
local function declared(key, worker, text)
  key[-1] = key[-1] or {}
  for _, whose in ipairs({worker, 'all'}) do
    local texts = key[-1][whose]
    if not texts then
      texts = whose == 'all' and table.concat(redis.call('HVALS', key.declaring))
        or redis.call('HGET', key.declaring, whose) or ''
      key[-1][whose] = texts
    end
    if string.find(texts, text, 1, true) then
      return true
    end
  end
  return false
end
