/** Scripts for what is seldom done. ARGV begins with a test's clock, or -1 for the server's own. */
const time = `
local time = redis.call('TIME')
local server = time[1] * 1000 + math.floor(time[2] / 1000)
local clock, shift = tonumber(ARGV[1]), 0
if clock < 0 then clock = server else shift = server - clock + 3600000 end
`;

/**
 * KEYS are records; removes those that had expired by ARGV[2], and tells how many cells they had.
 * By itself Redis removes records as they expire, so that only under a test's clock there are any.
 */
export const sweepScript: string = `${time}
local before, cells = math.min(clock, tonumber(ARGV[2])), 0
for _, key in ipairs(KEYS) do
  local raw = redis.call('GET', key)
  local r = raw and cmsgpack.unpack(raw)
  if r and r[2] <= before then
    for e = 7, #r, 5 do
      if r[e] > 0 and r[e] ~= 281474976710656 then cells = cells + 1 end
    end
    redis.call('DEL', key)
  end
end
return cells
`;

/**
 * Puts a record, or with ARGV[4] a reservation, under KEYS[1] until ARGV[2]; the other keys are the
 * indexes it is to be listed in.
 */
export const importScript: string = `${time}
local expires = tonumber(ARGV[2])
if expires <= clock then return 0 end
redis.call('DEL', KEYS[1])
if ARGV[4] then
  redis.call('HSET', KEYS[1], 'n', ARGV[3], 'd', ARGV[4])
else
  redis.call('SET', KEYS[1], ARGV[3])
end
redis.call('PEXPIREAT', KEYS[1], expires + shift)
for n = 2, #KEYS do
  redis.call('ZADD', KEYS[n], expires, KEYS[1])
  if redis.call('PTTL', KEYS[n]) < expires + shift - server then
    redis.call('PEXPIREAT', KEYS[n], expires + shift)
  end
end
return 1
`;

/** Keeps ARGV[1] under KEYS[1] for ARGV[2] ms from now, and no shorter than it has been kept. */
export const noteScript = `
local forMs = tonumber(ARGV[2])
if redis.call('PTTL', KEYS[1]) < forMs then redis.call('SET', KEYS[1], ARGV[1], 'PX', forMs) end
return 1
`;
