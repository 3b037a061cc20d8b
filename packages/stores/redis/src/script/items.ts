/** Port of items.ts, sliding-log.ts and slots.ts: entries are counted from 1 here. */
export const items = `
local function removeEntry(r, e)
  local n = #r
  for k = e, n - 5 do r[k] = r[k + 5] end
  for k = n, n - 4, -1 do r[k] = nil end
end

-- Before the entry at e; at the end of the record when that is 0.
local function insertEntry(r, e, id, x, y, z)
  local n = #r
  if e == 0 then e = n + 1 end
  for k = n, e, -1 do r[k + 5] = r[k] end
  r[e], r[e + 1], r[e + 2], r[e + 3], r[e + 4] = id, x, y, z, 0
end

-- The first item of a limit from entry e on; 0 when there is none.
local function itemFrom(r, l, e)
  local id = -N[l]
  for k = e, #r, 5 do
    if r[k] == id then return k end
  end
  return 0
end

local function saturated(a, b)
  if a > MAX - b then return MAX end
  return a + b
end

local function unitsOf(r, at, l, now)
  local units, id = 0, -N[l]
  for k = at + 4, #r, 5 do
    if r[k] == id and now < r[k + 3] then units = saturated(units, r[k + 1]) end
  end
  return units
end

local function latestStart(r, at, l, now)
  local start, id = 0, -N[l]
  for k = at + 4, #r, 5 do
    if r[k] == id and now < r[k + 3] and r[k + 2] > start then start = r[k + 2] end
  end
  return start
end

local function summarise(r, at, l, now)
  local last, id = 0, -N[l]
  for k = at + 4, #r, 5 do
    if r[k] == id and now < r[k + 3] then last = r[k + 3] end
  end
  r[at], r[at + 1], r[at + 2] = unitsOf(r, at, l, now), latestStart(r, at, l, now), last
  if N[l + 1] == 5 then r[at + 3] = r[at] end
end

local function advanceItems(r, at, l, now)
  local item = itemFrom(r, l, at + 4)
  while item > 0 and now >= r[item + 3] do
    removeEntry(r, item)
    item = itemFrom(r, l, item)
  end
  summarise(r, at, l, now)
end

-- Two neighbours become one, at the later of their times: those that lose least by it.
local function mergeClosest(r, at, l)
  local closest, least = 0, math.huge
  local item = itemFrom(r, l, at + 4)
  while true do
    local later = itemFrom(r, l, item + 5)
    if later == 0 then break end
    local harm = (r[later + 2] - r[item + 2]) * r[item + 1]
    if harm < least then closest, least = item, harm end
    item = later
  end
  if closest == 0 then return end
  local later = itemFrom(r, l, closest + 5)
  r[later + 1] = saturated(r[later + 1], r[closest + 1])
  removeEntry(r, closest)
end

local function chargeLog(r, at, l, now, cost)
  if cost == 0 then return end
  local last, entries, id = 0, 0, -N[l]
  for k = at + 4, #r, 5 do
    if r[k] == id then last, entries = k, entries + 1 end
  end
  if last > 0 and r[last + 2] == now then
    r[last + 1] = saturated(r[last + 1], cost)
  else
    insertEntry(r, 0, id, cost, now, now + N[l + 3])
    if entries + 1 > N[l + 4] then mergeClosest(r, at, l) end
  end
  summarise(r, at, l, now)
end

local function takeFrom(r, item, units)
  local left = r[item + 1] - units
  if left == 0 then removeEntry(r, item) else r[item + 1] = left end
end

local function settleLog(r, at, l, now, delta, start)
  if delta >= 0 then
    chargeLog(r, at, l, now, delta)
    return
  end
  if now >= start + N[l + 3] then return end
  -- An entry that is no longer there was merged into the next later one.
  local item = itemFrom(r, l, at + 4)
  while item > 0 and r[item + 2] < start do item = itemFrom(r, l, item + 5) end
  if item == 0 then return end
  takeFrom(r, item, min(-delta, r[item + 1]))
  summarise(r, at, l, now)
end

local function creditLog(r, at, l, now, amount)
  local left = amount
  while left > 0 do
    local item = itemFrom(r, l, at + 4)
    if item == 0 then break end
    local taken = min(left, r[item + 1])
    takeFrom(r, item, taken)
    left = left - taken
  end
  summarise(r, at, l, now)
end

local function takeSlots(r, at, l, now, wanted, ends)
  local item = itemFrom(r, l, at + 4)
  while item > 0 and r[item + 3] < ends do item = itemFrom(r, l, item + 5) end
  if item > 0 and r[item + 3] == ends then
    r[item + 1] = saturated(r[item + 1], wanted)
    r[item + 2] = now
  else
    insertEntry(r, item, -N[l], wanted, now, ends)
  end
  summarise(r, at, l, now)
end

local function vacateSlots(r, at, l, now, taken, ends)
  local found, last, id = 0, 0, -N[l]
  for k = at + 4, #r, 5 do
    if r[k] == id then
      if r[k + 3] == ends then found = k end
      last = k
    end
  end
  -- One that cannot be found was pulled back with the record when a clock was put right.
  local item = found
  if found == 0 and now < ends then item = last end
  if item == 0 then return end
  local left = r[item + 1] - taken
  if left <= 0 then removeEntry(r, item) else r[item + 1] = left end
  summarise(r, at, l, now)
end
`;
