/** Reads what the script was sent: the plans, the time, the records and reservations. */
export const begin = `
-- Integers as floating point numbers throughout: all are below 2^53.
-- N: how many records and reservations; for each reservation how many indexes, and which; how many
-- numbers it is given by, which is then not on record, or 0, and these; whether to drop it once it has
-- ended. Then the trip, as wire.ts of core puts it.
local N = cmsgpack.unpack(ARGV[1])
local recordCount, tokenCount = N[1], N[2]
local floor, ceil, max, min = math.floor, math.ceil, math.max, math.min
local MAX, BLOCK = 9007199254740991, 281474976710656
local MAX_SKEW, DAY, GRACE = 60000, 86400000, 3600000

local at = 3
local indexesAt, givenAt, drops = {}, {}, {}
for place = 1, tokenCount do
  indexesAt[place] = at
  at = at + N[at] + 1
  givenAt[place] = at
  at = at + N[at] + 2
  drops[place] = N[at - 1] == 1
end

local time = redis.call('TIME')
local server = time[1] * 1000 + floor(time[2] / 1000)
-- Under a test's clock keys stay for an hour longer, so that the test's time alone decides.
local clock, shift = N[at], 0
if clock < 0 then clock = server else shift = server - clock + 3600000 end

-- A limit is told by where its twelve numbers begin, l:
-- identity, kind, max, window, p, q, flags, five boundaries.
local planAt, limitCount, usual = {}, {}, {}
do
  local plans = N[at + 1]
  at = at + 2
  for plan = 1, plans do
    planAt[plan] = at
    local simple, limits = true, 0
    local scopes = N[at]
    at = at + 1
    for _ = 1, scopes do
      local own = N[at]
      at = at + 1
      limits = limits + own
      for _ = 1, own do
        local flags = N[at + 6]
        if flags % 16 >= 8 and (clock < N[at + 8] or clock + MAX_SKEW >= N[at + 10]) then
          return { clock, 1 }
        end
        if flags > 1 or N[at + 1] ~= 1 then simple = false end
        at = at + 12
      end
    end
    limitCount[plan] = limits
    usual[plan] = simple
  end
end

-- What is stored (reply), as numbers (R, T), and what of it has changed. Nobody has place 0.
local reply, R, T = { clock, 0 }, {}, {}
local changed, touched = {}, {}
-- When each record was going to expire: where that stays so, its key is told nothing new.
local expiry = {}
if recordCount == 1 then
  local raw = redis.call('GET', KEYS[1])
  reply[3] = raw
  if raw then
    R[1] = cmsgpack.unpack(raw)
    expiry[1] = R[1][2]
  end
elseif recordCount > 1 then
  local raws = redis.call('MGET', unpack(KEYS, 1, recordCount))
  for place = 1, recordCount do
    local raw = raws[place]
    reply[place + 2] = raw
    if raw then
      R[place] = cmsgpack.unpack(raw)
      expiry[place] = R[place][2]
    end
  end
end
for place = 1, tokenCount do
  local given, raw = N[givenAt[place]], false
  if given > 0 then
    T[place] = { unpack(N, givenAt[place] + 1, givenAt[place] + given) }
  else
    raw = redis.call('HGET', KEYS[recordCount + place], 'n')
    if raw then T[place] = cmsgpack.unpack(raw) end
  end
  reply[recordCount + 1 + 2 * place] = raw
  reply[recordCount + 2 + 2 * place] = false
end

-- The records of the job at hand, by scope; nil where there is none, or it has expired.
local rec = {}
local newDetails, renewed = {}, {}
`;
