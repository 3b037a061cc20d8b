/** Port of kernel.ts: one door to all rules. Nothing here works out a wait. */
export const kernel = `
local function advance(r, at, l, now)
  local kind = N[l + 1]
  if kind == 1 then
    advanceWindow(r, at, l, now)
  elseif kind == 2 then
    advanceSliding(r, at, l, now)
  elseif kind == 4 then
    r[at], r[at + 1], r[at + 2] = missingAt(r, at, l, now), now, N[l + 5]
  else
    advanceItems(r, at, l, now)
  end
end

-- A cell beside the record: to see what would become of one, and for limits never charged.
local aside = { 0, 0, 0, 0 }

-- Whether waitFor would be 0. Takes a cell of any age and leaves it as it is.
local function fits(r, at, l, now, cost)
  local kind, most, flags = N[l + 1], N[l + 2], N[l + 6]
  if flags % 8 >= 4 or cost > most then return false end
  if cost == 0 then return true end
  if kind == 1 then
    if windowEnded(r, at, l, now) then
      aside[1], aside[2], aside[3], aside[4] = r[at], r[at + 1], r[at + 2], r[at + 3]
      advanceWindow(aside, 1, l, now)
      r, at = aside, 1
    end
    return windowUsed(r, at, l) <= most - cost
  elseif kind == 2 then
    return slidingFits(r, at, l, now, cost)
  elseif kind == 4 then
    return missingAt(r, at, l, now) <= (most - cost) * N[l + 5]
  end
  return saturated(unitsOf(r, at, l, now), cost) <= most
end

local function charge(r, at, l, now, cost)
  local kind = N[l + 1]
  if kind == 1 then
    chargeWindow(r, at, now, cost)
  elseif kind == 2 then
    chargeSliding(r, at, l, now, cost)
  elseif kind == 3 then
    chargeLog(r, at, l, now, cost)
  elseif kind == 4 then
    chargeBucket(r, at, l, cost)
  end
end

local function settle(r, at, l, now, delta, start)
  local kind = N[l + 1]
  if kind == 3 then
    settleLog(r, at, l, now, delta, start)
  elseif kind == 4 then
    settleBucket(r, at, l, delta)
  elseif kind ~= 5 then
    if delta >= 0 then charge(r, at, l, now, delta) else refundWindow(r, at, l, delta, start) end
  end
end

local function credit(r, at, l, now, amount)
  local kind = N[l + 1]
  if kind == 3 then
    creditLog(r, at, l, now, amount)
  elseif kind == 4 then
    settleBucket(r, at, l, -amount)
  elseif kind ~= 5 then
    creditWindow(r, at, amount)
  end
end

local function usedOf(r, at, l, now)
  local kind = N[l + 1]
  if kind == 1 then return windowUsed(r, at, l) end
  if kind == 2 then return slidingUsed(r, at, l, now) end
  if kind == 4 then return ceil(r[at] / N[l + 5]) end
  return r[at]
end

local function emptyAt(r, at, l)
  local kind = N[l + 1]
  if kind == 1 then return windowEmptyAt(r, at, l) end
  if kind == 2 then return slidingEmptyAt(r, at, l) end
  if kind == 4 then return saturated(r[at + 1], ceil(r[at] / N[l + 4])) end
  return r[at + 2]
end
`;
