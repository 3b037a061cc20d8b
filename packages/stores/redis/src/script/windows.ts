/** Port of fixed-window.ts and sliding-window.ts. */
export const windows = `
-- When the window that began at start ends. Of a calendar, five boundaries are known.
local function endOf(l, start)
  if N[l + 6] % 16 < 8 then return start + N[l + 3] end
  for boundary = l + 7, l + 11 do
    if start < N[boundary] then return N[boundary] end
  end
  return N[l + 11]
end

local function forgives(l) return N[l + 6] % 2 == 1 end

local function windowEnded(r, at, l, now)
  if N[l + 6] % 16 < 8 then return now >= r[at + 1] + N[l + 3] end
  return (r[at] == 0 and r[at + 2] == 0) or now >= endOf(l, r[at + 1])
end

local function windowUsed(r, at, l) return saturated(r[at], min(N[l + 2], r[at + 2])) end

local function carriedOver(r, at, l)
  if forgives(l) then return 0 end
  return max(0, windowUsed(r, at, l) - N[l + 2])
end

local function advanceWindow(r, at, l, now)
  for _ = 1, 2 do
    if not windowEnded(r, at, l, now) then return end
    local carried = carriedOver(r, at, l)
    r[at + 1] = carried > 0 and endOf(l, r[at + 1]) or 0
    r[at], r[at + 2], r[at + 3] = 0, carried, 0
  end
end

local function chargeWindow(r, at, now, cost)
  if r[at] == 0 and r[at + 2] == 0 then r[at + 1] = now end
  r[at] = saturated(r[at], cost)
end

local function windowEmptyAt(r, at, l)
  if windowUsed(r, at, l) == 0 then return 0 end
  local ends = endOf(l, r[at + 1])
  if carriedOver(r, at, l) > 0 then return endOf(l, ends) end
  return ends
end

local function advanceSliding(r, at, l, now)
  local ends = r[at + 1] + N[l + 3]
  if now < ends then return end
  local before = now < ends + N[l + 3] and r[at] or 0
  r[at], r[at + 1], r[at + 2] = 0, before > 0 and ends or 0, before
end

local function weighed(l, before)
  if forgives(l) then return min(N[l + 2], before) end
  return before
end

local function slidingUsed(r, at, l, now)
  local covered = ceil((r[at + 1] + N[l + 3] - now) / N[l + 4])
  return r[at] + ceil((weighed(l, r[at + 2]) * covered) / N[l + 5])
end

local function slidingFits(r, at, l, now, cost)
  local window, ticks = N[l + 3], N[l + 5]
  local charged, start, before = r[at], r[at + 1], r[at + 2]
  for _ = 1, 2 do
    if now < start + window then break end
    charged, start, before = 0, start + window, charged
  end
  if now >= start + window then return true end
  local room = N[l + 2] - charged - cost
  -- Without room beside this window's own charges, it has to become the one before.
  if room < 0 then return false end
  local weight = weighed(l, before)
  local covered = weight <= room and ticks or floor((room * ticks) / weight)
  return start + window - covered * N[l + 4] <= now
end

local function chargeSliding(r, at, l, now, cost)
  if r[at] == 0 and r[at + 2] == 0 then r[at + 1] = now end
  local most = floor(MAX / N[l + 5])
  r[at] = cost > most - r[at] and most or r[at] + cost
end

local function slidingEmptyAt(r, at, l)
  local ends = r[at + 1] + N[l + 3]
  if r[at] > 0 then return ends + N[l + 3] end
  return r[at + 2] > 0 and ends or 0
end

-- Both kinds: a refund reaches the window it was charged in, or what that one left to the next.
local function refundWindow(r, at, l, delta, start)
  local opened = r[at + 1]
  if opened == start then
    r[at] = max(0, r[at] + delta)
  elseif opened == endOf(l, start) then
    r[at + 2] = max(0, r[at + 2] + delta)
  end
end

local function creditWindow(r, at, amount)
  local own = min(amount, r[at])
  r[at] = r[at] - own
  r[at + 2] = max(0, r[at + 2] - (amount - own))
end
`;
