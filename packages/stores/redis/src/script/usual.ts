/** `haveRoom` and `chargeRoom` of record.ts: nearly all calls end here, so it asks nobody else. */
export const usual = `
-- Whether every window is open, without debt, and has more room than is asked. If not, each limit is
-- to be asked.
local function hasRoom(plan, amountsAt, now)
  local l = planAt[plan]
  local scopes, a = N[l], amountsAt
  l = l + 1
  for scope = 1, scopes do
    local r = rec[scope]
    if not r then return false end
    local limits, e = N[l], 7
    l = l + 1
    for _ = 1, limits do
      local x, amount = r[e + 1], N[a]
      if
        r[e] ~= N[l]
        or x == 0
        or x + amount >= N[l + 2]
        or now >= r[e + 2] + N[l + 3]
        or r[e + 3] ~= 0
        or amount < 0
      then
        return false
      end
      e, l, a = e + 5, l + 12, a + 1
    end
  end
  return true
end

local function takeRoom(plan, placesAt, amountsAt, now)
  local l, a = planAt[plan] + 1, amountsAt
  for scope = 1, N[l - 1] do
    local r, limits = rec[scope], N[l]
    for x = 8, 3 + 5 * limits, 5 do
      r[x] = r[x] + N[a]
      a = a + 1
    end
    r[1] = now
    changed[N[placesAt + scope - 1]] = true
    l = l + 1 + 12 * limits
  end
end

-- What is held counts until the last lease has ended; then the count begins anew.
local function noteLease(r, now, leaseEnds)
  if now >= r[4] then
    r[5] = now
    for e = 7, #r, 5 do r[e + 4] = 0 end
  end
  r[4] = max(r[4], leaseEnds)
end

-- The same with a lease, for which the starts of the windows are noted in t. A cost of zero leaves a
-- record as it is.
local function holdRoom(plan, placesAt, amountsAt, now, leaseEnds, t)
  local l, a, n = planAt[plan] + 1, amountsAt, 5
  for scope = 1, N[l - 1] do
    local r, limits, isCharged = rec[scope], N[l], false
    for i = 0, limits - 1 do isCharged = isCharged or N[a + i] > 0 end
    if isCharged then
      noteLease(r, now, leaseEnds)
      r[1] = now
      changed[N[placesAt + scope - 1]] = true
    end
    for x = 8, 3 + 5 * limits, 5 do
      local amount = N[a]
      r[x], r[x + 3] = r[x] + amount, r[x + 3] + amount
      t[n] = r[x + 1]
      a, n = a + 1, n + 1
    end
    l = l + 1 + 12 * limits
  end
end
`;
