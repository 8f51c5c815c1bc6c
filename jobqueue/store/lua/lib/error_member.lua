--[[ The member of `fingerprints` for a job that has failed, from its record and its specification. Within a group members
lie in the order in which the jobs failed. The fingerprint is the first member of the error; without one it is `-`. ]]
--@include task_of
local function error_member(id, record, specification)
  local ended = string.match(record, '^%["failed",[^,]*,(%d+),')
  local fingerprint = string.match(record, '^%["failed",[^{]*{"fingerprint":"(%w+)"') or '-'
  return fingerprint .. '|' .. task_of(specification) .. '|' .. string.format('%013.0f', tonumber(ended) or 0) .. '|' .. id
end
