/** Port of `decide` in evaluate.ts. */
export const decide = `
-- What to do with one limit of a plan after the other: f(scope, l, i, index).
local function eachLimit(plan, f)
  local l = planAt[plan]
  local scopes, index = N[l], 0
  l = l + 1
  for scope = 1, scopes do
    local limits = N[l]
    l = l + 1
    for i = 0, limits - 1 do
      f(scope, l, i, index)
      l, index = l + 12, index + 1
    end
  end
end

local function isShadow(l) return N[l + 6] % 4 >= 2 end

-- Whether the limits admit; a shadow limit has no say.
local function admits(plan, amountsAt, now)
  local l = planAt[plan]
  local scopes, a = N[l], amountsAt
  l = l + 1
  for scope = 1, scopes do
    local r, limits = rec[scope], N[l]
    if blockedUntil(r) > now then return false end
    l = l + 1
    for i = 0, limits - 1 do
      local amount = N[a]
      if amount ~= -1 and not isShadow(l) then
        local at = r and cellAt(r, l, i) or 0
        local fit
        if at > 0 then
          fit = fits(r, at, l, now, amount)
        else
          aside[1], aside[2], aside[3], aside[4] = 0, 0, 0, 0
          fit = fits(aside, 1, l, now, amount)
        end
        if not fit then return false end
      end
      l, a = l + 12, a + 1
    end
  end
  return true
end

-- A slot is taken for the time of a lease, which only a reservation has.
local function isCharged(l, mode, amount)
  return amount > 0 and (N[l + 1] ~= 5 or mode == 4)
end

-- Whether the operation changes the record of a scope: a cost of zero makes none.
local function writes(mode, r, l, limits, a, extraAt)
  if mode == 6 then
    if N[extraAt] <= 0 and blockedUntil(r) <= 0 then return false end
    for i = 0, limits - 1 do
      if N[a + i] ~= -1 then return true end
    end
    return false
  end
  for i = 0, limits - 1 do
    if mode == 5 then
      local delta = N[extraAt + i]
      if delta > 0 or (delta < 0 and r) then return true end
    elseif isCharged(l + 12 * i, mode, N[a + i]) then
      return true
    end
  end
  return false
end

local function adjust(r, l, i, now, delta)
  if delta == 0 or (delta < 0 and cellAt(r, l, i) == 0) then return end
  local at = openCell(r, l, i, now)
  if delta > 0 then
    settle(r, at, l, now, delta, 0)
  else
    -- What reservations hold is theirs to give back.
    local held = now < r[4] and r[at + 3] or 0
    local unheld = held == 0 and MAX or max(0, usedOf(r, at, l, now) - held)
    credit(r, at, l, now, min(-delta, unheld))
  end
  noteCharge(r, at, l)
end

local function bookOne(r, l, i, mode, now, amount, leaseEnds)
  local at = openCell(r, l, i, now)
  if N[l + 1] == 5 then
    takeSlots(r, at, l, now, amount, leaseEnds)
  else
    if mode == 3 or isShadow(l) then
      settle(r, at, l, now, amount, 0)
    else
      charge(r, at, l, now, amount)
    end
    if mode == 4 then r[at + 3] = r[at + 3] + amount end
  end
  noteCharge(r, at, l)
end

local function book(r, mode, l, limits, a, extraAt, now, leaseEnds)
  if leaseEnds > 0 then noteLease(r, now, leaseEnds) end
  if r[7] == BLOCK and r[10] <= now then removeEntry(r, 7) end
  if mode == 6 then
    block(r, now, N[extraAt])
    return
  end
  for i = 0, limits - 1 do
    if mode == 5 then
      adjust(r, l, i, now, N[extraAt + i])
    elseif isCharged(l, mode, N[a + i]) then
      bookOne(r, l, i, mode, now, N[a + i], leaseEnds)
    end
    l = l + 12
  end
  r[1] = now
end

local function keep(scope, place, r)
  rec[scope] = r
  if place > 0 then
    R[place] = r
    changed[place] = true
  end
end

-- Decides one operation and charges it if it is admitted. extraAt: deltas, or the time of a block.
local function decide(plan, placesAt, mode, amountsAt, extraAt, now, leaseEnds)
  if (mode == 1 or mode == 2 or mode == 4) and not admits(plan, amountsAt, now) then return false end
  if mode == 1 then return true end
  local l = planAt[plan]
  local scopes, index = N[l], 0
  l = l + 1
  for scope = 1, scopes do
    local r, limits = rec[scope], N[l]
    l = l + 1
    local a, extra = amountsAt + index, mode == 5 and extraAt + index or extraAt
    if writes(mode, r, l, limits, a, extra) then
      r = r or newRecord(now, l, limits)
      keep(scope, N[placesAt + scope - 1], r)
      book(r, mode, l, limits, a, extra, now, leaseEnds)
    end
    l, index = l + 12 * limits, index + limits
  end
  return true
end
`;
