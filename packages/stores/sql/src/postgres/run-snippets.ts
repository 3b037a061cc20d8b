/**
 * Pieces of PL/pgSQL that `run-function.ts` needs in several places. PL/pgSQL has no local functions,
 * and a call of another function with an array copies the array: so they are pasted in.
 *
 * They share the variables of the function, above all
 *
 * - `m`, the one array in which all records of the trip lie, each in a region of its own;
 * - `o`, `e` and `cap`: the record at hand lies in `m[o + 1 .. e]` and may grow to `m[o + cap]`;
 * - `c`, where the entry of the limit at hand begins: its identity, then x, y, z and h;
 * - `w` and `lp`: the trip as it was sent, and where in it the 12 numbers of the limit begin.
 */

/** 2^53 − 1, at which counters are held, as JavaScript holds them. */
export const MAX_INTEGER: string = "9007199254740991";

/** In place of the identity of a limit: the entry that blocks the whole record. */
export const BLOCK: string = "281474976710656";

// Flags of a limit; see `wire.ts`.
export const FORGIVES: string = "w[lp + 6] & 1 <> 0";
export const CALENDAR: string = "w[lp + 6] & 8 <> 0";

/** When the window that began at `start` ends: of a calendar, five boundaries are known. */
export const endOf = (start: string): string => `(
  CASE
    WHEN w[lp + 6] & 8 = 0 THEN ${start} + w[lp + 3]
    WHEN ${start} < w[lp + 7] THEN w[lp + 7]
    WHEN ${start} < w[lp + 8] THEN w[lp + 8]
    WHEN ${start} < w[lp + 9] THEN w[lp + 9]
    WHEN ${start} < w[lp + 10] THEN w[lp + 10]
    ELSE w[lp + 11]
  END)`;

/** What a fixed window has in force. */
export const WINDOW_USED: string = `least(x + least(w[lp + 2], z), ${MAX_INTEGER})`;

/** What a fixed window hands on to the next. */
export const WINDOW_CARRIED: string = `
  (CASE WHEN ${FORGIVES} THEN 0 ELSE greatest(0, ${WINDOW_USED} - w[lp + 2]) END)`;

/** Finds the entry of limit `i` of its scope: `c` is 0 when the record has none. */
export const FIND_CELL: string = `
  -- Its place if the record was written under the same limits, as it nearly always was.
  c := o + 2 + 5 * i;
  IF c > e OR m[c] <> w[lp] THEN
    c := o + 7;
    WHILE c <= e AND m[c] <> w[lp] LOOP c := c + 5; END LOOP;
    IF c > e THEN c := 0; END IF;
  END IF;`;

/** Makes sure that the record can grow by one entry; otherwise moves it to the end, with room. */
export const ENSURE_ROOM: string = `
  IF e - o + 5 > cap THEN
    d := mn - o;
    cap := e - o + 20 + (e - o) / 4;
    m := m || m[o + 1 : e] || array_fill(0::bigint, ARRAY[cap - (e - o)]);
    mn := mn + cap;
    o := o + d;
    e := e + d;
    c := c + d;
    f := f + d;
  END IF;`;

/** Removes `m[f .. g - 1]` from the record, and moves whatever is shorter; `f` is then what followed. */
const REMOVE: string = `
  d := g - f;
  IF f - o - 1 < e - g + 1 THEN
    FOR t IN REVERSE (f - 1) .. (o + 1) LOOP m[t + d] := m[t]; END LOOP;
    o := o + d;
    cap := cap - d;
    c := c + d;
    f := g;
  ELSE
    FOR t IN g .. e LOOP m[t - d] := m[t]; END LOOP;
    e := e - d;
  END IF;`;

/** Adds an entry before `f`, which may be just past the end. */
export const insert = (identity: string, units: string, startMs: string, endMs: string): string => `
  ${ENSURE_ROOM}
  FOR t IN REVERSE e .. f LOOP m[t + 5] := m[t]; END LOOP;
  e := e + 5;
  m[f] := ${identity};
  m[f + 1] := ${units};
  m[f + 2] := ${startMs};
  m[f + 3] := ${endMs};
  m[f + 4] := 0;`;

/** Counts the items of the limit anew: `x` units, `y` the latest start. */
export const COUNT_ITEMS: string = `
  x := 0;
  y := 0;
  f := c + 5;
  WHILE f <= e LOOP
    IF m[f] = -w[lp] THEN
      x := least(x + m[f + 1], ${MAX_INTEGER});
      y := greatest(y, m[f + 2]);
    END IF;
    f := f + 5;
  END LOOP;`;

/**
 * Removes the items that no longer count. The cell says how many units the items have, as of when it
 * was last written: what is removed is taken off, since counting them anew would take far longer.
 */
export const DROP_ENDED: string = `
  f := c + 5;
  LOOP
    WHILE f <= e AND m[f] <> -w[lp] LOOP f := f + 5; END LOOP;
    EXIT WHEN f > e OR m[f + 3] > now;
    g := f;
    WHILE g <= e AND m[g] = -w[lp] AND m[g + 3] <= now LOOP
      x := x - m[g + 1];
      recount := recount OR m[g + 2] = y;
      g := g + 5;
    END LOOP;
    ${REMOVE}
  END LOOP;`;

/** Finds the last item of the limit: `g`, or `c` when there is none. */
export const LAST_ITEM: string = `
  g := e - 4;
  WHILE g > c AND m[g] <> -w[lp] LOOP g := g - 5; END LOOP;`;

/** Frees `units` slots whose lease ends at `endMs`; see `vacateSlots`. */
export const vacate = (units: string, endMs: string): string => `
  ${LAST_ITEM}
  f := g;
  WHILE g > c AND (m[g] <> -w[lp] OR m[g + 3] > ${endMs}) LOOP g := g - 5; END LOOP;
  IF g > c AND m[g + 3] = ${endMs} THEN f := g;
  ELSIF now >= ${endMs} THEN f := c;
  END IF;
  IF f > c THEN
    IF m[f + 1] <= ${units} THEN
      x := x - m[f + 1];
      recount := recount OR m[f + 2] = y;
      g := f + 5;
      ${REMOVE}
    ELSE
      x := x - ${units};
      m[f + 1] := m[f + 1] - ${units};
    END IF;
  END IF;`;

/** Takes `units` slots until `endMs`; see `takeSlots`. */
export const occupy = (units: string, endMs: string): string => `
  g := e - 4;
  f := e + 1;
  WHILE g > c LOOP
    IF m[g] = -w[lp] THEN
      EXIT WHEN m[g + 3] < ${endMs};
      f := g;
    END IF;
    g := g - 5;
  END LOOP;
  IF f <= e AND m[f + 3] = ${endMs} THEN
    m[f + 1] := least(m[f + 1] + ${units}, ${MAX_INTEGER});
    m[f + 2] := now;
  ELSE
    ${insert("-w[lp]", units, "now", endMs)}
  END IF;
  x := least(x + ${units}, ${MAX_INTEGER});
  y := now;`;

/** Takes `units` off the item at `f`, which has at least that many. */
export const takeFrom = (units: string): string => `
  a := ${units};
  x := x - a;
  IF m[f + 1] = a THEN
    recount := recount OR m[f + 2] = y;
    g := f + 5;
    ${REMOVE}
  ELSE
    m[f + 1] := m[f + 1] - a;
  END IF;`;

/** Where a log has more entries than it may: two neighbours become one; see `mergeClosest`. */
export const MERGE_CLOSEST: string = `
  entries := 0;
  closest := 0;
  least_harm := 'Infinity';
  g := 0;
  f := c + 5;
  WHILE f <= e LOOP
    IF m[f] = -w[lp] THEN
      entries := entries + 1;
      IF g > 0 THEN
        -- In floating point, as in JavaScript, so that both find the same two.
        harm := (m[f + 2] - m[g + 2])::float8 * m[g + 1]::float8;
        IF harm < least_harm THEN
          least_harm := harm;
          closest := g;
          later := f;
        END IF;
      END IF;
      g := f;
    END IF;
    f := f + 5;
  END LOOP;
  IF entries > w[lp + 4] AND closest > 0 THEN
    m[later + 1] := least(m[later + 1] + m[closest + 1], ${MAX_INTEGER});
    f := closest;
    g := f + 5;
    ${REMOVE}
  END IF;`;

/** What is missing in a bucket at `now`, from x, y and z to x; see `missingAt`. */
export const MISSING: string = `
  IF z <> w[lp + 5] AND z <> 0 THEN
    -- Written under another rate. The product is too large for a bigint before it is held at the most.
    x := (x + z - 1) / z;
    x := CASE
      WHEN x::float8 * w[lp + 5]::float8 >= ${MAX_INTEGER} THEN ${MAX_INTEGER}
      ELSE x * w[lp + 5]
    END;
  END IF;
  x := CASE
    WHEN now - y >= (x + w[lp + 4] - 1) / w[lp + 4] THEN 0
    ELSE x - w[lp + 4] * (now - y)
  END;`;

/**
 * What reservations hold of an advanced cell: one that ends gives it up, and what is given back
 * otherwise must not be theirs, or it would be given twice.
 * @param counts whether what this reservation holds is in the count
 * @param used the units in force
 */
export const heed = (counts: string, used: string): string => `
  IF mode = 7 THEN
    IF ${counts} THEN h := greatest(0, h - taken); END IF;
    IF delta < 0 AND NOT same_generation THEN delta := 0; END IF;
  ELSIF credits AND h > 0 AND now < m[o + 4] THEN
    delta := -least(-delta, greatest(0, ${used} - h));
  END IF;
  notes := mode <> 7 OR delta <> 0;`;
