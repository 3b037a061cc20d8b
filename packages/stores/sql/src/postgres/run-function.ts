import {
  BLOCK,
  CALENDAR,
  COUNT_ITEMS,
  DROP_ENDED,
  endOf,
  ENSURE_ROOM,
  FIND_CELL,
  FORGIVES,
  heed,
  insert,
  LAST_ITEM,
  MAX_INTEGER,
  MERGE_CLOSEST,
  MISSING,
  occupy,
  takeFrom,
  vacate,
  WINDOW_CARRIED,
  WINDOW_USED,
} from "./run-snippets.ts";

export interface RunFunctionOptions {
  /** Whether a commit waits for the disk. @default true */
  readonly synchronousCommit?: boolean;
}

// The same as in `reservation.ts` and `record.ts`.
const GRACE = "3600000";
const LONGEST_LEASE = "86400000";
const MAX_SKEW = "60000";

const VARIABLES = `
  w ALIAS FOR p_plan;
  -- Records: all of them in one array, each in a region with some room behind it. Assigning to an
  -- element of an array is done in place; anything else that changes one copies it.
  m bigint[];
  mn int;
  ro int[];
  rl int[];
  rc int[];
  dirty bool[];
  -- Reservations, as text: they are read once or twice.
  held_now text[];
  found_keys text[];
  found text[];
  text_found text;
  detail_at int;
  new_details int[];
  changed bool[];
  -- The rows to write.
  written int := 0;
  row_keys text[] := '{}';
  row_numbers text[] := '{}';
  row_expiries bigint[] := '{}';
  -- The plan and the scopes of the job at hand.
  clock bigint;
  now bigint;
  plan_at int[];
  plan int;
  plan_now int;
  simple bool;
  scopes int;
  limits int;
  sc_at int[];
  sc_n int[];
  sc_first int[];
  sk int[];
  live bool[];
  grouped bool;
  -- Whether the shortest way is open: 0 not known, 1 yes, -1 no.
  fast int;
  noted bool;
  room bigint[];
  room_at int[];
  -- Where the reader stands, and what it has read.
  p int;
  jobs int;
  plans int;
  kind int;
  mode int;
  operations int;
  amounts_at int;
  deltas_at int;
  held_at int;
  booked_at int;
  place int;
  types int;
  lease_end bigint;
  from_ms bigint;
  for_ms bigint;
  -- One record, one limit; see \`run-snippets.ts\`.
  o int;
  e int;
  cap int;
  c int;
  d int;
  f int;
  g int;
  k int;
  n int;
  q int;
  lp int;
  rule int;
  x bigint;
  y bigint;
  z bigint;
  h bigint;
  a bigint;
  delta bigint;
  start bigint;
  ended bigint;
  taken bigint;
  entries int;
  closest int;
  later int;
  notes bool;
  least_harm float8;
  harm float8;
  ok bool;
  settles bool;
  credits bool;
  same_generation bool;
  counted bool;
  recount bool;
  v bigint[];
  starts bigint[];
  expires bigint;`;

const lock = (table: string): string => `
  -- Locks come first and in the order of the keys, records before reservations, for everybody: nobody
  -- then waits for who waits for him. The clock is read afterwards, since waiting takes time.
  -- Ten numbers of room behind each record, so that most need not be moved to grow.
  IF cardinality(p_keys) = 1 THEN
    SELECT
      ARRAY[nullif(s.numbers::text, '{}')],
      ARRAY[cardinality(s.numbers)],
      ARRAY[cardinality(s.numbers) + 10],
      cardinality(s.numbers) + 10,
      s.numbers || '{0,0,0,0,0,0,0,0,0,0}'::bigint[]
    INTO records, rl, rc, mn, m
    FROM ${table} s
    WHERE s.entry_key = p_keys[1]
    FOR UPDATE;
    -- Made here, after other rows are locked, a row would break the order.
    IF rl IS NULL THEN
      status := 2;
      RETURN;
    END IF;
    ro := '{0}';
    dirty := '{f}';
  ELSIF cardinality(p_keys) > 1 THEN
    SELECT
      array_agg(nullif(r.written, '{}')),
      array_agg(r.size),
      ('{' || string_agg(
        CASE WHEN r.size = 0 THEN '' ELSE btrim(r.written, '{}') || ',' END || '0,0,0,0,0,0,0,0,0,0',
        ','
      ) || '}')::bigint[]
    INTO records, rl, m
    FROM (
      SELECT s.numbers::text AS written, cardinality(s.numbers) AS size
      FROM ${table} s
      WHERE s.entry_key = ANY (p_keys)
      ORDER BY s.entry_key
      FOR UPDATE
    ) r;
    IF cardinality(rl) IS DISTINCT FROM cardinality(p_keys) THEN
      status := 2;
      RETURN;
    END IF;
    mn := 0;
    FOR i IN 1 .. cardinality(p_keys) LOOP
      ro[i] := mn;
      rc[i] := rl[i] + 10;
      mn := mn + rl[i] + 10;
    END LOOP;
    dirty := array_fill(false, ARRAY[cardinality(p_keys)]);
  END IF;
  IF cardinality(p_tokens) > 0 THEN
    SELECT array_agg(r.entry_key), array_agg(r.written)
    INTO found_keys, found
    FROM (
      SELECT s.entry_key, s.numbers::text AS written
      FROM ${table} s
      WHERE s.entry_key = ANY (p_tokens)
      ORDER BY s.entry_key
      FOR UPDATE
    ) r;
    reservations := array_fill(NULL::text, ARRAY[cardinality(p_tokens)]);
    IF found IS NOT NULL THEN
      g := 1;
      FOR i IN 1 .. cardinality(p_tokens) LOOP
        IF found_keys[g] = p_tokens[i] THEN
          reservations[i] := found[g];
          g := g + 1;
        END IF;
      END LOOP;
    END IF;
    held_now := reservations;
    details := array_fill(NULL::text, ARRAY[cardinality(p_tokens)]);
    changed := array_fill(false, ARRAY[cardinality(p_tokens)]);
    new_details := array_fill(0, ARRAY[cardinality(p_tokens)]);
  END IF;
  clock := CASE
    WHEN w[1] >= 0 THEN w[1]
    ELSE floor(extract(epoch FROM clock_timestamp()) * 1000)
  END;
  clock_ms := clock;`;

const READ_PLANS = `
  -- Where each plan begins, and whether the boundaries of its calendars are still those around now:
  -- if not, nothing may happen.
  plans := w[2];
  p := 3;
  FOR j IN 1 .. plans LOOP
    plan_at[j] := p;
    n := w[p];
    p := p + 1;
    FOR s IN 1 .. n LOOP
      d := w[p];
      lp := p + 1;
      FOR i IN 1 .. d LOOP
        IF ${CALENDAR} AND (clock < w[lp + 8] OR clock + ${MAX_SKEW} >= w[lp + 10]) THEN
          status := 1;
          RETURN;
        END IF;
        lp := lp + 12;
      END LOOP;
      p := lp;
    END LOOP;
  END LOOP;
  jobs := w[p];
  p := p + 1;`;

const READ_JOB = `
  kind := w[p];
  plan := w[p + 1];
  p := p + 2;
  IF plan IS DISTINCT FROM plan_now THEN
    plan_now := plan;
    grouped := false;
    lp := plan_at[plan];
    scopes := w[lp];
    lp := lp + 1;
    limits := 0;
    simple := true;
    FOR s IN 1 .. scopes LOOP
      n := w[lp];
      lp := lp + 1;
      sc_at[s] := lp;
      sc_n[s] := n;
      sc_first[s] := limits;
      limits := limits + n;
      FOR i IN 1 .. n LOOP
        -- Fixed windows that are neither shadow nor suspended nor the calendar's, and ask no \`when\`.
        simple := simple AND w[lp + 1] = 1 AND w[lp + 6] & 30 = 0;
        lp := lp + 12;
      END LOOP;
    END LOOP;
  END IF;
  FOR s IN 1 .. scopes LOOP
    IF sk[s] IS DISTINCT FROM w[p] THEN
      sk[s] := w[p];
      grouped := false;
    END IF;
    p := p + 1;
  END LOOP;
  IF kind = 4 THEN
    -- Forget: a mark in place of each record; see \`forget\` in \`jobs.ts\`.
    grouped := false;
    FOR s IN 1 .. scopes LOOP
      k := sk[s];
      CONTINUE WHEN k = 0;
      o := ro[k];
      ok := rl[k] > 0 AND m[o + 2] > clock;
      m[o + 4] := CASE WHEN ok THEN m[o + 4] ELSE 0 END;
      m[o + 6] := greatest(clock, CASE WHEN ok THEN m[o + 6] ELSE 0 END + 1);
      m[o + 1] := clock;
      m[o + 2] := greatest(clock + ${LONGEST_LEASE}, m[o + 4]) + ${GRACE};
      m[o + 3] := 0;
      m[o + 5] := clock;
      rl[k] := 6;
      dirty[k] := true;
    END LOOP;
    CONTINUE;
  END IF;
  IF kind <> 1 THEN
    -- Settle and renew: nothing happens where the reservation is not on record, is another one, or
    -- has ended.
    place := w[p];
    v := held_now[place]::bigint[];
    held_at := p + 2;
    booked_at := held_at + limits;
    d := p;
    IF kind = 2 THEN
      types := w[booked_at + limits + 1];
      p := booked_at + limits + types + 2;
    ELSE
      p := held_at + limits + 1;
    END IF;
    IF v IS NULL OR clock >= v[4] + ${GRACE} OR v[2] <> w[d + 1] OR v[1] <> 0 THEN
      CONTINUE;
    END IF;
    for_ms := w[d + 2];
  END IF;`;

const AGREE_ON_TIME = `
  IF NOT grouped THEN
    -- What time it is: never before what a record saw, unless that is so far ahead that the record was
    -- written by a wrong clock, and is put right. See \`agreeOnTime\`.
    now := clock;
    fast := 0;
    noted := false;
    FOR s IN 1 .. scopes LOOP
      k := sk[s];
      IF k = 0 OR rl[k] = 0 THEN
        live[s] := false;
        CONTINUE;
      END IF;
      o := ro[k];
      live[s] := m[o + 2] > clock;
      CONTINUE WHEN NOT live[s];
      IF m[o + 1] - clock > ${MAX_SKEW} THEN
        -- pullBack
        e := o + rl[k];
        delta := ${MAX_INTEGER};
        c := o + 7;
        WHILE c <= e LOOP
          IF m[c + 2] <> 0 THEN
            a := greatest(0, m[c + 2] - clock);
            delta := least(delta, a);
            m[c + 2] := m[c + 2] - a;
            IF m[c] < 0 OR m[c] = ${BLOCK} THEN m[c + 3] := greatest(0, m[c + 3] - a); END IF;
          END IF;
          c := c + 5;
        END LOOP;
        -- sortItems: each item goes back among those of its limit until it stands in order.
        c := o + 12;
        WHILE c <= e LOOP
          IF m[c] < 0 THEN
            f := c;
            LOOP
              g := f - 5;
              WHILE g > o + 6 AND m[g] <> m[c] LOOP g := g - 5; END LOOP;
              EXIT WHEN g <= o + 6 OR m[g + 3] <= m[f + 3];
              FOR t IN 1 .. 4 LOOP
                a := m[g + t];
                m[g + t] := m[f + t];
                m[f + t] := a;
              END LOOP;
              f := g;
            END LOOP;
          END IF;
          c := c + 5;
        END LOOP;
        IF delta = ${MAX_INTEGER} THEN delta := 0; END IF;
        m[o + 2] := greatest(0, m[o + 2] - delta);
        m[o + 3] := greatest(0, m[o + 3] - delta);
        m[o + 4] := least(m[o + 4], clock + ${LONGEST_LEASE});
        m[o + 5] := least(m[o + 5], clock);
        m[o + 1] := clock;
        dirty[k] := true;
      ELSIF m[o + 1] > now THEN
        now := m[o + 1];
      END IF;
    END LOOP;
    grouped := true;
  END IF;`;

const readOperation = (table: string): string => `
  IF kind = 1 THEN
    mode := w[p];
    amounts_at := p;
    p := p + 1 + limits;
    CASE mode
      WHEN 4 THEN
        place := w[p];
        lease_end := now + w[p + 1];
        d := p;
        types := w[p + 4];
        p := p + 5;
        v := held_now[place]::bigint[];
        IF now < v[4] + ${GRACE} THEN
          -- Reserved already: nothing happens but that it is told.
          IF new_details[place] = 0 AND details[place] IS NULL THEN
            SELECT s.details INTO text_found FROM ${table} s WHERE s.entry_key = p_tokens[place];
            details[place] := text_found;
          END IF;
          CONTINUE;
        END IF;
        v := ARRAY[0, w[d + 2], now, lease_end];
        detail_at := w[d + 3];
        starts := array_fill(0::bigint, ARRAY[limits]);
      WHEN 5 THEN
        deltas_at := p - 1;
        p := p + limits;
      WHEN 6 THEN
        for_ms := w[p];
        p := p + 1;
      ELSE
        CONTINUE WHEN mode = 1;
    END CASE;
  ELSE
    -- What ends or moves a reservation is booked like an operation.
    mode := kind + 5;
    from_ms := v[4];
    IF mode = 8 THEN
      ok := now < from_ms;
      FOR s IN 1 .. scopes LOOP
        CONTINUE WHEN live[s];
        -- Slots in a record that is gone: by some clock their lease has ended.
        lp := sc_at[s];
        FOR i IN 1 .. sc_n[s] LOOP
          IF w[lp + 1] = 5 AND w[held_at + sc_first[s] + i] > 0 THEN ok := false; END IF;
          lp := lp + 12;
        END LOOP;
      END LOOP;
      CONTINUE WHEN NOT ok;
      lease_end := now + for_ms;
      -- One that lies further ahead than any lease was given by a clock that has been put right since.
      IF from_ms <= now + ${LONGEST_LEASE} AND from_ms > lease_end THEN lease_end := from_ms; END IF;
      v[4] := lease_end;
      held_now[place] := v::text;
      changed[place] := true;
    END IF;
  END IF;`;

const TAKE_AT_ONCE = `
  IF mode = 2 AND simple AND fast >= 0 THEN
    -- The usual case is a matter of comparing and adding: every window of every record is open, carries
    -- no debt and has room. See \`haveRoom\`. The calls of a trip that come to the same records one
    -- after the other do so at one time, so that the windows are looked at but once.
    IF fast = 0 THEN
      fast := 1;
      n := 0;
      <<scope>>
      FOR s IN 1 .. scopes LOOP
        IF NOT live[s] THEN
          fast := -1;
          EXIT;
        END IF;
        k := sk[s];
        o := ro[k];
        e := o + rl[k];
        lp := sc_at[s];
        c := o + 7;
        FOR i IN 1 .. sc_n[s] LOOP
          IF
            c > e OR m[c] <> w[lp] OR now >= m[c + 2] + w[lp + 3] OR m[c + 1] = 0 OR m[c + 3] <> 0
          THEN
            fast := -1;
            EXIT scope;
          END IF;
          n := n + 1;
          room[n] := w[lp + 2] - m[c + 1] - 1;
          room_at[n] := c + 1;
          c := c + 5;
          lp := lp + 12;
        END LOOP;
      END LOOP;
    END IF;
    IF fast = 1 THEN
      ok := true;
      FOR i IN 1 .. limits LOOP
        IF w[amounts_at + i] > room[i] OR w[amounts_at + i] < 0 THEN
          ok := false;
          EXIT;
        END IF;
      END LOOP;
      IF ok THEN
        FOR i IN 1 .. limits LOOP
          a := w[amounts_at + i];
          room[i] := room[i] - a;
          m[room_at[i]] := m[room_at[i]] + a;
        END LOOP;
        IF NOT noted THEN
          noted := true;
          FOR s IN 1 .. scopes LOOP
            m[ro[sk[s]] + 1] := now;
            dirty[sk[s]] := true;
          END LOOP;
        END IF;
        CONTINUE;
      END IF;
    END IF;
  END IF;`;

const JUDGE = `
  IF mode = 2 OR mode = 4 THEN
    -- Whether every limit has room; for how long to wait, the client works out. See \`judge\`.
    ok := true;
    <<judging>>
    FOR s IN 1 .. scopes LOOP
      lp := sc_at[s];
      q := amounts_at + sc_first[s];
      e := 0;
      IF live[s] THEN
        o := ro[sk[s]];
        e := o + rl[sk[s]];
        IF e > o + 6 AND m[o + 7] = ${BLOCK} AND m[o + 10] > now THEN
          ok := false;
          EXIT judging;
        END IF;
      END IF;
      FOR i IN 1 .. sc_n[s] LOOP
        a := w[q + i];
        -- One that does not apply, or a shadow, has no say.
        IF a >= 0 AND w[lp + 6] & 2 = 0 THEN
          IF w[lp + 6] & 4 <> 0 OR a > w[lp + 2] THEN
            ok := false;
            EXIT judging;
          END IF;
          IF a > 0 AND e > 0 THEN
            ${FIND_CELL}
            IF c > 0 THEN
              rule := w[lp + 1];
              x := m[c + 1];
              y := m[c + 2];
              z := m[c + 3];
              IF rule = 1 THEN
                ended := ${endOf("y")};
                IF now >= ended OR (x = 0 AND z = 0) THEN
                  -- In the next window, what this one carries over counts, in the one after nothing.
                  x := ${WINDOW_CARRIED};
                  y := ended;
                  IF x > 0 AND now < ${endOf("y")} THEN x := least(x, w[lp + 2]);
                  ELSE x := 0;
                  END IF;
                ELSE
                  x := ${WINDOW_USED};
                END IF;
                ok := x <= w[lp + 2] - a;
              ELSIF rule = 2 THEN
                IF now >= y + w[lp + 3] THEN
                  y := y + w[lp + 3];
                  z := x;
                  x := 0;
                  IF now >= y + w[lp + 3] THEN z := 0; END IF;
                END IF;
                IF ${FORGIVES} THEN z := least(z, w[lp + 2]); END IF;
                a := w[lp + 2] - x - a;
                IF a < 0 THEN
                  ok := false;
                ELSIF z > a THEN
                  -- In floating point, as in JavaScript: under other numbers than it was charged with, a
                  -- counter can be too large for the product to be exact, and both must round alike.
                  ok := y + w[lp + 3]
                    - floor(a::float8 * w[lp + 5]::float8 / z::float8)::bigint * w[lp + 4] <= now;
                END IF;
              ELSIF rule = 4 THEN
                ${MISSING}
                ok := x <= (w[lp + 2] - a) * w[lp + 5];
              ELSE
                -- Most of the time no item has ended since, and the cell says how many units there are.
                f := c + 5;
                WHILE f <= e AND m[f] <> -w[lp] LOOP f := f + 5; END LOOP;
                IF f > e THEN
                  x := 0;
                ELSIF m[f + 3] <= now THEN
                  IF x >= ${MAX_INTEGER} THEN
                    x := 0;
                    WHILE f <= e LOOP
                      IF m[f] = -w[lp] AND m[f + 3] > now THEN
                        x := least(x + m[f + 1], ${MAX_INTEGER});
                      END IF;
                      f := f + 5;
                    END LOOP;
                  ELSE
                    WHILE f <= e LOOP
                      IF m[f] = -w[lp] THEN
                        EXIT WHEN m[f + 3] > now;
                        x := x - m[f + 1];
                      END IF;
                      f := f + 5;
                    END LOOP;
                  END IF;
                END IF;
                ok := x <= w[lp + 2] - a;
              END IF;
              EXIT judging WHEN NOT ok;
            END IF;
          END IF;
        END IF;
        lp := lp + 12;
      END LOOP;
    END LOOP;
    CONTINUE WHEN NOT ok;
  END IF;`;

const OPEN_RECORD = `
  -- Whether anything is booked in this record at all: a cost of zero opens no window.
  ok := false;
  FOR i IN 1 .. n LOOP
    CASE
      WHEN mode <= 4 THEN
        ok := w[amounts_at + q + i] > 0 AND (mode = 4 OR w[lp + 1] <> 5);
      WHEN mode = 5 THEN
        ok := w[deltas_at + q + i] > 0 OR (w[deltas_at + q + i] < 0 AND live[s]);
      WHEN mode = 6 THEN
        ok := w[amounts_at + q + i] >= 0 AND (
          for_ms > 0 OR
          (live[s] AND rl[k] > 6 AND m[ro[k] + 7] = ${BLOCK} AND m[ro[k] + 10] > 0)
        );
      WHEN mode = 7 THEN
        ok := live[s] OR w[booked_at + q + i] > greatest(0, w[held_at + q + i]);
      ELSE
        ok := live[s];
    END CASE;
    EXIT WHEN ok;
    lp := lp + 12;
  END LOOP;
  CONTINUE WHEN NOT ok;
  lp := sc_at[s];
  o := ro[k];
  cap := rc[k];
  IF live[s] THEN
    e := o + rl[k];
  ELSE
    e := 6 + 5 * n;
    IF e > cap THEN
      cap := e + 10;
      m := m || array_fill(0::bigint, ARRAY[cap]);
      o := mn;
      mn := mn + cap;
    END IF;
    e := o + e;
    m[o + 1] := now;
    m[o + 2] := 0;
    m[o + 3] := 0;
    m[o + 4] := 0;
    m[o + 5] := now;
    m[o + 6] := 0;
    FOR i IN 1 .. n LOOP
      c := o + 2 + 5 * i;
      m[c] := w[lp + 12 * (i - 1)];
      m[c + 1] := 0;
      m[c + 2] := 0;
      m[c + 3] := 0;
      m[c + 4] := 0;
    END LOOP;
    live[s] := true;
  END IF;
  dirty[k] := true;`;

const BEFORE_LIMITS = `
  IF mode = 4 THEN
    -- noteLease
    IF now >= m[o + 4] THEN
      m[o + 5] := now;
      c := o + 7;
      WHILE c <= e LOOP
        m[c + 4] := 0;
        c := c + 5;
      END LOOP;
    END IF;
    IF lease_end > m[o + 4] THEN m[o + 4] := lease_end; END IF;
  END IF;
  IF mode <= 6 THEN
    -- A block is taken out once it has ended, and when another one or none is put in its place.
    IF e > o + 6 AND m[o + 7] = ${BLOCK} AND (mode = 6 OR m[o + 10] <= now) THEN
      FOR t IN o + 12 .. e LOOP m[t - 5] := m[t]; END LOOP;
      e := e - 5;
    END IF;
    IF mode = 6 THEN
      IF for_ms > 0 THEN
        f := o + 7;
        ${insert(BLOCK, "0", "now", "now + for_ms")}
        m[o + 2] := greatest(m[o + 2], now + for_ms);
      END IF;
      m[o + 1] := now;
    END IF;
  ELSE
    -- A hold from before a reset, or from before the others were counted anew, is not in the counts.
    same_generation := m[o + 6] = 0 OR m[o + 6] = v[4 + limits + s];
    counted := same_generation AND now < m[o + 4] AND v[3] >= m[o + 5];
    IF mode = 8 THEN
      IF lease_end > m[o + 4] THEN m[o + 4] := lease_end; END IF;
      -- The mark of a reset has to outlive whatever could still be settled from before it.
      IF m[o + 6] <> 0 THEN m[o + 2] := greatest(m[o + 2], lease_end + ${GRACE}); END IF;
    END IF;
  END IF;`;

const WHAT_TO_BOOK = `
  lp := sc_at[s] + 12 * (i - 1);
  rule := w[lp + 1];
  start := 0;
  credits := false;
  settles := true;
  IF mode <= 4 THEN
    delta := w[amounts_at + q + i];
    -- A slot is taken for the time of a lease, which only a reservation has.
    CONTINUE WHEN delta <= 0 OR (rule = 5 AND mode <> 4);
    settles := mode = 3 OR w[lp + 6] & 2 <> 0;
  ELSIF mode = 5 THEN
    delta := w[deltas_at + q + i];
    CONTINUE WHEN delta = 0;
    credits := delta < 0;
  ELSE
    taken := w[held_at + q + i];
    IF mode = 7 THEN
      CONTINUE WHEN taken < 0;
      delta := w[booked_at + q + i] - taken;
      start := v[4 + q + i];
    ELSE
      CONTINUE WHEN rule <> 5 OR taken <= 0 OR NOT same_generation;
    END IF;
  END IF;
  ${FIND_CELL}
  IF c = 0 THEN
    CONTINUE WHEN credits;
    IF e - o - 6 >= 1280 THEN
      -- dropOldest: configurations come and go, and with them limits. Forgets the one that was charged
      -- longest ago, with its items, if there are 256.
      g := 0;
      ended := ${MAX_INTEGER};
      a := 0;
      c := o + 7;
      WHILE c <= e LOOP
        IF m[c] > 0 AND m[c] <> ${BLOCK} THEN
          g := g + 1;
          IF m[c + 2] < ended THEN
            ended := m[c + 2];
            a := m[c];
          END IF;
        END IF;
        c := c + 5;
      END LOOP;
      IF g >= 256 THEN
        f := o + 7;
        c := o + 7;
        WHILE c <= e LOOP
          IF m[c] <> a AND m[c] <> -a THEN
            FOR t IN 0 .. 4 LOOP m[f + t] := m[c + t]; END LOOP;
            f := f + 5;
          END IF;
          c := c + 5;
        END LOOP;
        e := f - 1;
      END IF;
    END IF;
    ${ENSURE_ROOM}
    c := e + 1;
    e := e + 5;
    m[c] := w[lp];
    m[c + 1] := 0;
    m[c + 2] := 0;
    m[c + 3] := 0;
    m[c + 4] := 0;
  END IF;
  x := m[c + 1];
  y := m[c + 2];
  z := m[c + 3];
  h := m[c + 4];`;

// Each rule first brings the cell to now, then books; see the files of `algorithms/`.
const BOOK = `
  expires := 0;
  IF rule = 1 THEN
    ended := ${endOf("y")};
    IF now >= ended OR (${CALENDAR} AND x = 0 AND z = 0) THEN
      x := ${WINDOW_CARRIED};
      IF x > 0 THEN
        y := ended;
        z := x;
        IF now >= ${endOf("y")} THEN
          y := 0;
          z := 0;
        END IF;
      ELSE
        y := 0;
        z := 0;
      END IF;
      x := 0;
      h := 0;
    END IF;
    ${heed("counted AND y = start", WINDOW_USED)}
    IF delta > 0 THEN
      IF x = 0 AND z = 0 THEN y := now; END IF;
      x := least(x + delta, ${MAX_INTEGER});
    ELSIF credits THEN
      a := least(-delta, x);
      x := x - a;
      z := greatest(0, z + delta + a);
    ELSIF delta < 0 THEN
      IF y = start THEN x := greatest(0, x + delta);
      ELSIF y = ${endOf("start")} THEN z := greatest(0, z + delta);
      END IF;
    END IF;
    IF x > 0 OR z > 0 THEN
      expires := ${endOf("y")};
      IF ${WINDOW_CARRIED} > 0 THEN expires := ${endOf("expires")}; END IF;
    END IF;
  ELSIF rule = 2 THEN
    IF now >= y + w[lp + 3] THEN
      y := y + w[lp + 3];
      z := CASE WHEN now < y + w[lp + 3] THEN x ELSE 0 END;
      x := 0;
      IF z = 0 THEN y := 0; END IF;
    END IF;
    ${heed(
      "counted",
      `x + ceil(
        (CASE WHEN ${FORGIVES} THEN least(w[lp + 2], z) ELSE z END)::float8
        * ceil((y + w[lp + 3] - now)::float8 / w[lp + 4]::float8)
        / w[lp + 5]::float8
      )::bigint`,
    )}
    IF delta > 0 THEN
      IF x = 0 AND z = 0 THEN y := now; END IF;
      a := ${MAX_INTEGER} / w[lp + 5];
      x := CASE WHEN delta > a - x THEN a ELSE x + delta END;
    ELSIF credits THEN
      a := least(-delta, x);
      x := x - a;
      z := greatest(0, z + delta + a);
    ELSIF delta < 0 THEN
      IF y = start THEN x := greatest(0, x + delta);
      ELSIF y = start + w[lp + 3] THEN z := greatest(0, z + delta);
      END IF;
    END IF;
    IF x > 0 THEN expires := y + 2 * w[lp + 3];
    ELSIF z > 0 THEN expires := y + w[lp + 3];
    END IF;
  ELSIF rule = 4 THEN
    ${MISSING}
    y := now;
    z := w[lp + 5];
    ${heed("counted", "(x + w[lp + 5] - 1) / w[lp + 5]")}
    IF delta > 0 THEN
      a := (${MAX_INTEGER} - x) / w[lp + 5];
      x := CASE WHEN delta > a THEN ${MAX_INTEGER} ELSE x + delta * w[lp + 5] END;
    ELSIF -delta > x / w[lp + 5] THEN
      x := 0;
    ELSE
      x := x + delta * w[lp + 5];
    END IF;
    IF settles AND notes AND ${FORGIVES} THEN x := least(x, w[lp + 2] * w[lp + 5]); END IF;
    expires := least(${MAX_INTEGER}, y + (x + w[lp + 4] - 1) / w[lp + 4]);
  ELSE
    recount := x >= ${MAX_INTEGER};
    ${DROP_ENDED}
    IF recount THEN
      ${COUNT_ITEMS}
      recount := x >= ${MAX_INTEGER};
    END IF;
    IF rule = 5 THEN
      notes := mode <> 7;
      IF mode = 4 THEN
        ${occupy("delta", "lease_end")}
      ELSIF mode >= 7 THEN
        IF same_generation AND taken > 0 THEN
          ${vacate("taken", "from_ms")}
        END IF;
        IF mode = 8 THEN
          ${occupy("taken", "lease_end")}
        END IF;
      END IF;
    ELSE
      ${heed("counted", "x")}
      IF delta > 0 THEN
        ${LAST_ITEM}
        IF g > c AND m[g + 2] = now THEN
          m[g + 1] := least(m[g + 1] + delta, ${MAX_INTEGER});
        ELSE
          f := e + 1;
          ${insert("-w[lp]", "delta", "now", "now + w[lp + 3]")}
          IF (e - c - 4) / 5 > w[lp + 4] THEN
            ${MERGE_CLOSEST}
          END IF;
        END IF;
        x := least(x + delta, ${MAX_INTEGER});
        y := now;
      ELSIF credits THEN
        f := c + 5;
        taken := -delta;
        WHILE taken > 0 LOOP
          WHILE f <= e AND m[f] <> -w[lp] LOOP f := f + 5; END LOOP;
          EXIT WHEN f > e;
          ${takeFrom("least(taken, m[f + 1])")}
          taken := taken - a;
        END LOOP;
      ELSIF delta < 0 AND now < start + w[lp + 3] THEN
        -- The charge, or what it was merged into: the first that is not older. They stand in order.
        ${LAST_ITEM}
        f := c;
        WHILE g > c LOOP
          IF m[g] = -w[lp] THEN
            EXIT WHEN m[g + 2] < start;
            f := g;
          END IF;
          g := g - 5;
        END LOOP;
        IF f > c THEN
          ${takeFrom("least(-delta, m[f + 1])")}
        END IF;
      END IF;
    END IF;
    IF recount THEN
      ${COUNT_ITEMS}
    END IF;
    ${LAST_ITEM}
    z := CASE WHEN g > c THEN m[g + 3] ELSE 0 END;
    IF rule = 5 THEN h := x; END IF;
    expires := z;
  END IF;
  IF mode = 4 AND rule <> 5 THEN h := h + delta; END IF;
  m[c + 1] := x;
  m[c + 2] := y;
  m[c + 3] := z;
  m[c + 4] := h;
  IF mode = 4 THEN starts[q + i] := y;
  ELSIF mode = 8 THEN m[o + 1] := now;
  END IF;
  -- noteCharge: the record lives as long as its cells say something.
  IF notes AND expires > m[o + 2] THEN m[o + 2] := expires; END IF;`;

const AFTER_LIMITS = `
  IF mode = 7 AND now < m[o + 4] THEN
    -- noteSettled: lets go of the lease once nothing is held any more.
    c := o + 7;
    WHILE c <= e AND m[c + 4] = 0 LOOP c := c + 5; END LOOP;
    IF c > e THEN m[o + 4] := now; END IF;
  END IF;
  IF mode <> 8 THEN m[o + 1] := now; END IF;
  ro[k] := o;
  rl[k] := e - o;
  rc[k] := cap;`;

const NOTE_RESERVATION = `
  IF mode = 4 THEN
    FOR i IN 1 .. limits LOOP v[4 + i] := starts[i]; END LOOP;
    FOR s IN 1 .. scopes LOOP
      v[4 + limits + s] := CASE WHEN live[s] THEN m[ro[sk[s]] + 6] ELSE 0 END;
    END LOOP;
    FOR i IN 1 .. types LOOP v[4 + limits + scopes + i] := 0; END LOOP;
    held_now[place] := v::text;
    changed[place] := true;
    new_details[place] := detail_at;
  ELSIF mode = 7 THEN
    v[1] := for_ms;
    FOR i IN 1 .. types LOOP
      v[4 + limits + scopes + i] := w[booked_at + limits + 1 + i];
    END LOOP;
    held_now[place] := v::text;
    changed[place] := true;
  END IF;`;

const write = (table: string): string => `
  FOR i IN 1 .. cardinality(p_keys) LOOP
    IF dirty[i] AND rl[i] > 0 THEN
      written := written + 1;
      row_keys[written] := p_keys[i];
      -- Number by number: a slice would copy all of m for each row.
      row_numbers[written] :=
        ARRAY(SELECT m[g] FROM generate_series(ro[i] + 1, ro[i] + rl[i]) g)::text;
      row_expiries[written] := m[ro[i] + 2];
    END IF;
  END LOOP;
  IF written > 0 THEN
    -- When to look at it again is no later than when it expires, and is left alone otherwise: it is
    -- indexed, and where no index has to change, an update is several times cheaper.
    UPDATE ${table} s
    SET
      numbers = u.numbers::bigint[],
      check_at_ms = CASE
        WHEN cardinality(s.numbers) = 0 THEN u.expires
        ELSE least(s.check_at_ms, u.expires)
      END
    FROM unnest(row_keys, row_numbers, row_expiries) u (entry_key, numbers, expires)
    WHERE s.entry_key = u.entry_key;
  END IF;
  FOR i IN 1 .. cardinality(p_tokens) LOOP
    IF changed[i] THEN
      v := held_now[i]::bigint[];
      expires := v[4] + ${GRACE};
      IF reservations[i] IS NULL THEN
        INSERT INTO ${table} (entry_key, numbers, details, check_at_ms)
        VALUES (p_tokens[i], v, p_details[new_details[i]], expires);
      ELSE
        UPDATE ${table} s
        SET
          numbers = v,
          details = CASE WHEN new_details[i] > 0 THEN p_details[new_details[i]] ELSE s.details END,
          check_at_ms = least(s.check_at_ms, expires)
        WHERE s.entry_key = p_tokens[i];
      END IF;
    END IF;
  END LOOP;`;

/**
 * The text of the function that runs a trip: a port of `runTrip` that moves the state and hands out what
 * it was before, from which the client works out the answers. So it decides and books, to the last unit
 * as `evaluate.ts` and `holds.ts` do, but computes no wait and composes no answer.
 *
 * Everything happens in one function: a record that went from function to function would be copied each
 * time, and PL/pgSQL's time goes by statements. Sections are marked by the names of what they port.
 *
 * @param prefix begins the name of the function and of the table; an identifier
 */
export function runFunction(
  prefix: string,
  { synchronousCommit = true }: RunFunctionOptions = {},
): string {
  const table = `${prefix}state`;
  return `
CREATE OR REPLACE FUNCTION ${prefix}run_v1(
  p_keys text[],
  p_tokens text[],
  p_plan bigint[],
  p_details text[],
  OUT clock_ms bigint,
  OUT status int,
  OUT records text[],
  OUT reservations text[],
  OUT details text[]
)
LANGUAGE plpgsql
-- Plans that are made while the table is small would be kept, and read all of it when it has grown.
SET enable_seqscan = off
-- A plan for how many keys it is this time looks cheaper each time than one for all: planning is not.
SET plan_cache_mode = force_generic_plan
AS $tollgate$
#variable_conflict use_column
DECLARE
${VARIABLES}
BEGIN
status := 0;
${lock(table)}
${READ_PLANS}
<<next_job>>
FOR j IN 1 .. jobs LOOP
  ${READ_JOB}
  ${AGREE_ON_TIME}
  operations := 1;
  IF kind = 1 THEN
    operations := w[p];
    p := p + 1;
  END IF;
  <<next_operation>>
  FOR operation IN 1 .. operations LOOP
    ${readOperation(table)}
    ${TAKE_AT_ONCE}
    ${JUDGE}
    grouped := false;
    fast := 0;
    noted := false;
    <<next_scope>>
    FOR s IN 1 .. scopes LOOP
      k := sk[s];
      CONTINUE WHEN k = 0;
      lp := sc_at[s];
      n := sc_n[s];
      q := sc_first[s];
      ${OPEN_RECORD}
      ${BEFORE_LIMITS}
      IF mode <> 6 THEN
        <<next_limit>>
        FOR i IN 1 .. n LOOP
          ${WHAT_TO_BOOK}
          ${BOOK}
        END LOOP;
      END IF;
      ${AFTER_LIMITS}
    END LOOP;
    ${NOTE_RESERVATION}
  END LOOP;
END LOOP;
${synchronousCommit ? "" : "PERFORM set_config('synchronous_commit', 'off', true);"}
${write(table)}
END
$tollgate$`;
}
