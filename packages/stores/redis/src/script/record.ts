/**
 * Port of record.ts. The header is written, expires, blocked until, lease end, held since, generation;
 * "blocked until" is of use to the memory store alone and is left as it is.
 */
export const record = `
local function newRecord(now, l, limits)
  local r = { now, 0, 0, 0, now, 0 }
  local n = 7
  for _ = 1, limits do
    r[n], r[n + 1], r[n + 2], r[n + 3], r[n + 4] = N[l], 0, 0, 0, 0
    n, l = n + 5, l + 12
  end
  return r
end

-- i is how many limits of the scope come before it: where its cell is to be expected.
local function cellAt(r, l, i)
  local id, expected = N[l], 7 + 5 * i
  if r[expected] == id then return expected + 1 end
  for e = 7, #r, 5 do
    if r[e] == id then return e + 1 end
  end
  return 0
end

-- Forgets the limit that was charged longest ago, with its items, once there are 256.
local function makeRoom(r)
  local cells, oldest, oldestAt = 0, 0, MAX
  for e = 7, #r, 5 do
    local id = r[e]
    if id > 0 and id ~= BLOCK then
      cells = cells + 1
      if r[e + 2] < oldestAt then oldest, oldestAt = id, r[e + 2] end
    end
  end
  if cells < 256 then return end
  for e = #r - 4, 7, -5 do
    if math.abs(r[e]) == oldest then removeEntry(r, e) end
  end
end

local function openCell(r, l, i, now)
  local at = cellAt(r, l, i)
  if at == 0 then
    makeRoom(r)
    insertEntry(r, 0, N[l], 0, 0, 0)
    at = #r - 3
  end
  advance(r, at, l, now)
  return at
end

-- The y of the cell as it is at now, which names the window.
local function startOf(r, l, i, now)
  local kind = N[l + 1]
  if kind == 4 then return now end
  local at = r and cellAt(r, l, i) or 0
  if at == 0 then return 0 end
  if kind == 3 or kind == 5 then return latestStart(r, at, l, now) end
  aside[1], aside[2], aside[3], aside[4] = r[at], r[at + 1], r[at + 2], r[at + 3]
  advance(aside, 1, l, now)
  return aside[2]
end

local function noteCharge(r, at, l) r[2] = max(r[2], emptyAt(r, at, l)) end

local function noteSettled(r, now)
  if now >= r[4] then return end
  for e = 7, #r, 5 do
    if r[e + 4] ~= 0 then return end
  end
  r[4] = now
end

local function blockedUntil(r)
  if r and r[7] == BLOCK then return r[10] end
  return 0
end

local function block(r, now, forMs)
  if r[7] == BLOCK then removeEntry(r, 7) end
  if forMs > 0 then
    insertEntry(r, 7, BLOCK, 0, now, now + forMs)
    r[2] = max(r[2], now + forMs)
  end
  r[1] = now
end

local function sortItems(r)
  local places = {}
  for e = 7, #r, 5 do
    if r[e] < 0 then
      local own = places[r[e]] or {}
      places[r[e]] = own
      own[#own + 1] = e
    end
  end
  for _, own in pairs(places) do
    local sorted = {}
    for n, e in ipairs(own) do sorted[n] = { n, r[e + 1], r[e + 2], r[e + 3], r[e + 4] } end
    table.sort(sorted, function(a, b)
      if a[4] ~= b[4] then return a[4] < b[4] end
      return a[1] < b[1]
    end)
    for n, e in ipairs(own) do
      for k = 2, 5 do r[e + k - 1] = sorted[n][k] end
    end
  end
end

-- A record more than a minute ahead was written under a clock that has been put right since.
local function pullBack(r)
  local by = MAX
  for y = 9, #r, 5 do
    local start = r[y]
    if start ~= 0 then
      local ahead = max(0, start - clock)
      by = min(by, ahead)
      r[y] = start - ahead
      local id = r[y - 2]
      if id < 0 or id == BLOCK then r[y + 1] = max(0, r[y + 1] - ahead) end
    end
  end
  sortItems(r)
  if by == MAX then by = 0 end
  r[2], r[3] = max(0, r[2] - by), max(0, r[3] - by)
  r[4], r[5], r[1] = min(r[4], clock + DAY), min(r[5], clock), clock
end
`;
