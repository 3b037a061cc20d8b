/** Runs the jobs of a trip, one after the other, as `runTrip` does. */
export const jobs = `
local function reserve(plan, placesAt, amountsAt, extraAt, now)
  local place, leaseEnds = N[extraAt], now + N[extraAt + 1]
  if reservationAt(place, now) then
    -- What it was taken for is compared where the answer is worked out.
    if reply[recordCount + 1 + 2 * place] then
      reply[recordCount + 2 + 2 * place] = redis.call('HGET', KEYS[recordCount + place], 'd')
    end
    return
  end
  local t = { 0, N[extraAt + 2], now, leaseEnds }
  if usual[plan] and hasRoom(plan, amountsAt, now) then
    holdRoom(plan, placesAt, amountsAt, now, leaseEnds, t)
  elseif rules().decide(plan, placesAt, 4, amountsAt, 0, now, leaseEnds) then
    rules().noteStarts(plan, t)
  else
    return
  end
  local n = 5 + limitCount[plan]
  for scope = 1, N[planAt[plan]] do
    t[n] = rec[scope] and rec[scope][6] or 0
    n = n + 1
  end
  for _ = 1, N[extraAt + 4] do
    t[n] = 0
    n = n + 1
  end
  T[place], touched[place], renewed[place] = t, true, true
  newDetails[place] = N[extraAt + 3]
end

-- Returns where the next job begins.
local function applyJob(plan, placesAt, scopes)
  local now, limits = agree(scopes, placesAt), limitCount[plan]
  local at = placesAt + scopes
  local operations = N[at]
  at = at + 1
  for _ = 1, operations do
    local mode, amountsAt = N[at], at + 1
    at = amountsAt + limits
    local extraAt = at
    if mode == 4 then
      at = at + 5
      reserve(plan, placesAt, amountsAt, extraAt, now)
    elseif mode == 2 and usual[plan] and hasRoom(plan, amountsAt, now) then
      takeRoom(plan, placesAt, amountsAt, now)
    else
      if mode == 5 then at = at + limits elseif mode == 6 then at = at + 1 end
      rules().decide(plan, placesAt, mode, amountsAt, extraAt, now, 0)
    end
  end
  return at
end

local jobCount = N[at]
at = at + 1
for _ = 1, jobCount do
  local kind, plan = N[at], N[at + 1]
  local placesAt, scopes, limits = at + 2, N[planAt[plan]], limitCount[plan]
  at = placesAt + scopes
  if kind == 1 then
    at = applyJob(plan, placesAt, scopes)
  elseif kind == 2 then
    rules().settleJob(plan, placesAt, at)
    at = at + 3 + 2 * limits
    at = at + 1 + N[at]
  elseif kind == 3 then
    rules().renewJob(plan, placesAt, at)
    at = at + 3 + limits
  else
    rules().forgetJob(scopes, placesAt)
  end
end
`;
