import { GRACE_MS } from "@tollgate/core/shared";

/** How many rows a sweep, an export or an import takes at a time. */
export const PAGE_SIZE = 500;

// For how long a sweep leaves a row alone that has just been made, to be locked, and says nothing yet.
const NEW_ROW_MS = 60_000;

const NOW = "floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint";

/** When a row really expires. */
const EXPIRY = `CASE
  WHEN cardinality(s.numbers) = 0 THEN s.check_at_ms
  WHEN s.details IS NOT NULL THEN s.numbers[4] + ${String(GRACE_MS)}
  ELSE s.numbers[2]
END`;

const IS_RESERVATION = "s.entry_key >= 'h:' AND s.entry_key < 'h;'";

/** All statements but the one that makes the function; each is always the same text. */
export interface Statements {
  readonly run: string;
  readonly makeRows: string;
  readonly reservation: string;
  readonly openReservations: string;
  readonly sweep: string;
  readonly page: string;
  readonly put: string;
}

/** @param prefix begins the names of the table and the function; an identifier */
export function statements(prefix: string): Statements {
  const table = `${prefix}state`;
  return {
    run: `SELECT r.clock_ms::text AS clock_ms, r.status::text AS status,
  to_json(r.records)::text AS records,
  to_json(r.reservations)::text AS reservations,
  to_json(r.details)::text AS details
FROM ${prefix}run_v1($1::text[], $2::text[], $3::bigint[], $4::text[]) r`,
    // In the order in which they are locked, and committed before they are: whoever waits here for a
    // row that somebody else is making holds none that anybody wants.
    makeRows: `INSERT INTO ${table} (entry_key, numbers, check_at_ms)
SELECT k.entry_key, '{}', coalesce($2::bigint, ${NOW}) + ${String(NEW_ROW_MS)}
FROM unnest($1::text[]) k (entry_key)
ORDER BY k.entry_key COLLATE "C"
ON CONFLICT DO NOTHING`,
    reservation: `SELECT s.numbers::text AS numbers, s.details FROM ${table} s WHERE s.entry_key = $1`,
    openReservations: `SELECT s.entry_key, s.numbers::text AS numbers, s.details
FROM ${table} s
WHERE ${IS_RESERVATION}
  AND s.numbers[1] = 0
  AND s.numbers[4] + ${String(GRACE_MS)} > coalesce($2::bigint, ${NOW})
  AND NOT EXISTS (SELECT FROM unnest($1::text[]) i (id) WHERE strpos(s.details, i.id) = 0)`,
    // Waits for nobody, and so cannot be in the way of who locks in the order of the keys.
    sweep: `WITH due AS MATERIALIZED (
  SELECT s.entry_key, ${EXPIRY} AS expiry
  FROM ${table} s
  WHERE s.check_at_ms <= least($1::bigint, coalesce($2::bigint, ${NOW}))
  ORDER BY s.check_at_ms
  LIMIT ${String(PAGE_SIZE)}
  FOR UPDATE SKIP LOCKED
), now AS MATERIALIZED (
  SELECT least($1::bigint, coalesce($2::bigint, ${NOW})) AS before_ms
), gone AS (
  DELETE FROM ${table} s USING due d, now n
  WHERE s.entry_key = d.entry_key AND d.expiry <= n.before_ms
  RETURNING s.entry_key, s.numbers::text AS numbers
), moved AS (
  UPDATE ${table} s SET check_at_ms = d.expiry
  FROM due d, now n
  WHERE s.entry_key = d.entry_key AND d.expiry > n.before_ms
)
SELECT d.entry_key, g.numbers FROM due d LEFT JOIN gone g ON g.entry_key = d.entry_key`,
    page: `SELECT s.entry_key, s.numbers::text AS numbers, s.details
FROM ${table} s
WHERE s.entry_key > $1
  AND cardinality(s.numbers) > 0
  AND ${EXPIRY} > coalesce($2::bigint, ${NOW})
ORDER BY s.entry_key
LIMIT ${String(PAGE_SIZE)}`,
    put: `INSERT INTO ${table} (entry_key, numbers, details, check_at_ms)
SELECT u.entry_key, u.numbers::bigint[], nullif(u.details, ''), u.check_at_ms
FROM unnest($1::text[], $2::text[], $3::text[], $4::bigint[])
  u (entry_key, numbers, details, check_at_ms)
ORDER BY u.entry_key COLLATE "C"
ON CONFLICT (entry_key) DO UPDATE
SET numbers = excluded.numbers, details = excluded.details, check_at_ms = excluded.check_at_ms`,
  };
}
