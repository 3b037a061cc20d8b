/** Port of token-bucket.ts. */
export const bucket = `
local function missingAt(r, at, l, now)
  local written, writtenScale, refill, scale = r[at], r[at + 2], N[l + 4], N[l + 5]
  local missing = written
  if writtenScale ~= scale and writtenScale ~= 0 then
    missing = min(MAX, ceil(written / writtenScale) * scale)
  end
  local elapsed = now - r[at + 1]
  if elapsed >= ceil(missing / refill) then return 0 end
  return missing - refill * elapsed
end

local function chargeBucket(r, at, l, cost)
  local room = floor((MAX - r[at]) / N[l + 5])
  r[at] = cost > room and MAX or r[at] + cost * N[l + 5]
end

local function settleBucket(r, at, l, delta)
  if delta > 0 then
    chargeBucket(r, at, l, delta)
  else
    r[at] = max(0, r[at] + delta * N[l + 5])
  end
  local empty = N[l + 2] * N[l + 5]
  if forgives(l) and r[at] > empty then r[at] = empty end
end
`;
