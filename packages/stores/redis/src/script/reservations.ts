/** Port of holds.ts and of what jobs.ts does with reservations. */
export const reservations = `
-- Notes for each limit the start of its window.
local function noteStarts(plan, t)
  eachLimit(plan, function(scope, l, i) t[#t + 1] = startOf(rec[scope], l, i, t[3]) end)
end

-- Without a mark no reservation from before a reset is left.
local function isSameGeneration(r, generation) return r[6] == 0 or r[6] == generation end

local function settleScope(r, t, first, generation, l, limits, heldAt, bookedAt, now)
  local same = isSameGeneration(r, generation)
  -- A hold from before the others were counted anew is no longer in the count.
  local counted = same and now < r[4] and t[3] >= r[5]
  for i = 0, limits - 1 do
    local held = N[heldAt + i]
    if held ~= -1 then
      local start, at = t[4 + first + i + 1], openCell(r, l, i, now)
      if N[l + 1] == 5 then
        if same then vacateSlots(r, at, l, now, held, t[4]) end
      else
        if counted and (N[l + 1] ~= 1 or r[at + 1] == start) then
          r[at + 3] = max(0, r[at + 3] - held)
        end
        local delta = N[bookedAt + i] - held
        if delta > 0 or (delta < 0 and same) then
          settle(r, at, l, now, delta, start)
          noteCharge(r, at, l)
        end
      end
    end
    l = l + 12
  end
  noteSettled(r, now)
  r[1] = now
end

-- at: the place of the reservation.
local function settleJob(plan, placesAt, at)
  local t, limits, scopes = reservationAt(N[at], clock), limitCount[plan], N[planAt[plan]]
  if not t or t[2] ~= N[at + 1] or t[1] ~= 0 then return end
  local now, heldAt, bookedAt = agree(scopes, placesAt), at + 3, at + 3 + limits
  local l, first = planAt[plan] + 1, 0
  for scope = 1, scopes do
    local own, r = N[l], rec[scope]
    l = l + 1
    if not r then
      -- A record is made only where an overrun needs it.
      for index = first, first + own - 1 do
        if N[bookedAt + index] > max(0, N[heldAt + index]) then r = newRecord(now, l, own) break end
      end
    end
    if r then
      keep(scope, N[placesAt + scope - 1], r)
      local generation = t[4 + limits + scope]
      settleScope(r, t, first, generation, l, own, heldAt + first, bookedAt + first, now)
    end
    l, first = l + 12 * own, first + own
  end
  t[1] = N[at + 2]
  local typesAt = bookedAt + limits
  for type = 1, N[typesAt] do t[4 + limits + scopes + type] = N[typesAt + type] end
  touched[N[at]] = true
end

-- Whether slots of the hold were in a record that is gone: by some clock their lease has ended.
local function hasLostSlots(plan, heldAt)
  local lost = false
  eachLimit(plan, function(scope, l, _, index)
    if N[l + 1] == 5 and N[heldAt + index] > 0 and not rec[scope] then lost = true end
  end)
  return lost
end

local function extendHold(plan, placesAt, t, heldAt, from, to, now)
  local limits = limitCount[plan]
  for scope = 1, N[planAt[plan]] do
    local r = rec[scope]
    if r then
      keep(scope, N[placesAt + scope - 1], r)
      r[4] = max(r[4], to)
      if r[6] ~= 0 then r[2] = max(r[2], to + GRACE) end
    end
  end
  eachLimit(plan, function(scope, l, i, index)
    local r, taken = rec[scope], N[heldAt + index]
    if not r or N[l + 1] ~= 5 or taken <= 0 then return end
    if not isSameGeneration(r, t[4 + limits + scope]) then return end
    local at = openCell(r, l, i, now)
    vacateSlots(r, at, l, now, taken, from)
    takeSlots(r, at, l, now, taken, to)
    noteCharge(r, at, l)
    r[1] = now
  end)
end

-- at: the place of the reservation.
local function renewJob(plan, placesAt, at)
  local t = reservationAt(N[at], clock)
  if not t or t[2] ~= N[at + 1] or t[1] ~= 0 then return end
  local now, heldAt, from = agree(N[planAt[plan]], placesAt), at + 3, t[4]
  if now >= from or hasLostSlots(plan, heldAt) then return end
  local to = now + N[at + 2]
  -- One that lies further ahead than any lease was given by a clock that has been put right since.
  if from <= now + DAY then to = max(from, to) end
  t[4] = to
  touched[N[at]], renewed[N[at]] = true, true
  extendHold(plan, placesAt, t, heldAt, from, to, now)
end

-- Puts a mark in place of each record, for as long as the longest lease and its grace.
local function forgetJob(scopes, placesAt)
  for scope = 1, scopes do
    local place = N[placesAt + scope - 1]
    if place > 0 then
      local r = R[place]
      if r and r[2] <= clock then r = nil end
      local leaseEnds, generation = r and r[4] or 0, r and r[6] or 0
      local untilMs = max(clock + DAY, leaseEnds) + GRACE
      R[place] = { clock, untilMs, 0, leaseEnds, clock, max(clock, generation + 1) }
      changed[place] = true
    end
  end
end
`;
