/** Finds what a job is about. */
export const find = `
-- What is seldom needed; see source.ts.
local rules

-- Finds the records of a job, and the time it happens at: never before what a record saw.
local function agree(scopes, placesAt)
  local now = clock
  for scope = 1, scopes do
    local place = N[placesAt + scope - 1]
    local r = R[place]
    if r and r[2] <= clock then r = nil end
    rec[scope] = r
    if r then
      if r[1] - clock > MAX_SKEW then
        rules().pullBack(r)
        changed[place] = true
      elseif r[1] > now then
        now = r[1]
      end
    end
  end
  return now
end

-- Numbers of a reservation: status, mark, taken at, lease end, then for each limit the start of its
-- window, for each scope its generation, for each type what was booked.
local function reservationAt(place, now)
  local t = T[place]
  if t and now < t[4] + GRACE then return t end
  return nil
end
`;
