/** Writes back what has changed, every key with the time at which it expires. */
export const save = `
for place = 1, recordCount do
  if changed[place] then
    local r = R[place]
    local expires = r[2] + shift
    if expiry[place] == r[2] and expires > server then
      -- The usual case; a number that Redis has to write down as text takes longer than all the rest.
      redis.call('SET', KEYS[place], cmsgpack.pack(r), 'KEEPTTL')
    elseif expires > server then
      redis.call('SET', KEYS[place], cmsgpack.pack(r), 'PXAT', expires)
    elseif reply[place + 2] then
      redis.call('DEL', KEYS[place])
    end
  end
end

-- For each index, what comes in: score and member in turn. Members count until their score.
local added = {}
for place = 1, tokenCount do
  if touched[place] and N[givenAt[place]] == 0 then
    local key, t, indexAt = KEYS[recordCount + place], T[place], indexesAt[place]
    if drops[place] and t[1] ~= 0 then
      redis.call('DEL', key)
    elseif newDetails[place] then
      redis.call('HSET', key, 'n', cmsgpack.pack(t), 'd', ARGV[1 + newDetails[place]])
    else
      redis.call('HSET', key, 'n', cmsgpack.pack(t))
    end
    if renewed[place] then redis.call('PEXPIREAT', key, t[4] + GRACE + shift) end
    for n = 1, N[indexAt] do
      local index = KEYS[recordCount + tokenCount + N[indexAt + n]]
      if t[1] == 0 then
        local members = added[index] or {}
        added[index] = members
        members[#members + 1] = t[4] + GRACE
        members[#members + 1] = key
      else
        redis.call('ZREM', index, key)
      end
    end
  end
end

-- An index lives as long as the last of its members.
for index, members in pairs(added) do
  local last = 0
  for n = 1, #members, 2 do last = max(last, members[n] + shift) end
  redis.call('ZREMRANGEBYSCORE', index, '-inf', clock)
  redis.call('ZADD', index, unpack(members))
  if redis.call('PTTL', index) < last - server then redis.call('PEXPIREAT', index, last) end
end

return reply
`;
