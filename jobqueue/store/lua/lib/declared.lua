--[[ Which schedules the code of live workers declares.
@uses declaring
@returns a text in which each stands as ` NAME=REVISION ` ]]
local function declared(key)
  local names = {' '}
  for at, text in ipairs(redis.call('HGETALL', key.declaring)) do
    if at % 2 == 0 then
      names[#names + 1] = text
    end
  end
  return table.concat(names)
end
