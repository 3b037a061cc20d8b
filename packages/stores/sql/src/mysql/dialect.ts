import type { LockingDialect } from "../locking/dialect.ts";
import { packNumbers, unpackNumbers } from "../row-codec.ts";
import { RESERVATIONS } from "../rows.ts";

/**
 * MySQL 8 and MariaDB 10.6 or later: nothing here is said in only one of them. `VALUES(column)`, which
 * MySQL would rather have said otherwise, is the only form that both know.
 */

/**
 * The time by the server, whatever zone anybody is in, when a row is reached and not when the statement
 * began: in between it may have waited for locks. Only a difference is taken of local times, and no more
 * than a minute of it is believed, since a clock may be changed for summer meanwhile.
 */
const NOW_MS = `TIMESTAMPDIFF(MICROSECOND, '1970-01-01 00:00:00', UTC_TIMESTAMP(6)) DIV 1000 +
  LEAST(GREATEST(TIMESTAMPDIFF(MICROSECOND, NOW(6), SYSDATE(6)) DIV 1000, 0), 60000)`;

const COLUMNS = "entry_key, numbers, details";

const list = (values: readonly unknown[]): string => values.map(() => "?").join(", ");

const DEADLOCK = 1213;
const LOCK_WAIT_TIMEOUT = 1205;

export const mysqlDialect: LockingDialect = {
  dialect: "mysql",
  begin: "START TRANSACTION",
  // The index is forced: of a small table the whole would be read, and locked with it.
  lock: ({ state }, entries) => [
    `SELECT ${COLUMNS}, ${NOW_MS} AS now_ms FROM ${state} FORCE INDEX (PRIMARY)
 WHERE entry_key IN (${list(entries)}) ORDER BY entry_key FOR UPDATE`,
    entries,
  ],
  read: ({ state }, entries) => [
    `SELECT ${COLUMNS} FROM ${state} WHERE entry_key IN (${list(entries)})`,
    entries,
  ],
  write: ({ state }, rows) => [
    `INSERT INTO ${state} (${COLUMNS}, check_at_ms) VALUES ${rows.map(() => "(?, ?, ?, ?)").join(", ")}
 ON DUPLICATE KEY UPDATE numbers = VALUES(numbers), details = VALUES(details),
 check_at_ms = LEAST(check_at_ms, VALUES(check_at_ms))`,
    rows.flatMap(({ entryKey, numbers, details, expiresAtMs }) => [
      entryKey,
      packNumbers(numbers),
      details,
      expiresAtMs,
    ]),
  ],
  make: ({ state }, entries, checkAtMs) => [
    `INSERT IGNORE INTO ${state} (${COLUMNS}, check_at_ms) VALUES ${entries.map(() => "(?, '', NULL, ?)").join(", ")}`,
    entries.flatMap((entry) => [entry, checkAtMs]),
  ],
  now: `SELECT ${NOW_MS} AS now_ms`,
  expired: ({ state }, untilMs, limit) => [
    `SELECT ${COLUMNS} FROM ${state} WHERE check_at_ms <= ? ORDER BY check_at_ms LIMIT ${String(limit)} FOR UPDATE SKIP LOCKED`,
    [untilMs],
  ],
  remove: ({ state }, entries) => [
    `DELETE FROM ${state} WHERE entry_key IN (${list(entries)})`,
    entries,
  ],
  checkLater: ({ state }, entry, checkAtMs) => [
    `UPDATE ${state} SET check_at_ms = ? WHERE entry_key = ?`,
    [checkAtMs, entry],
  ],
  page: ({ state }, after, limit) => [
    `SELECT ${COLUMNS} FROM ${state} WHERE entry_key > ? ORDER BY entry_key LIMIT ${String(limit)}`,
    [after],
  ],
  reservations: ({ state }, texts) => [
    `SELECT ${COLUMNS} FROM ${state} WHERE entry_key >= ? AND entry_key < ? ${texts.map(() => "AND INSTR(details, ?) > 0").join(" ")}`,
    [...RESERVATIONS, ...texts],
  ],
  claim: ({ meta }, nowMs, untilMs) => [
    `UPDATE ${meta} SET entry_value = ? WHERE entry_name = 'sweep' AND entry_value <= ?`,
    [untilMs, nowMs],
  ],
  rowFrom: ({ entry_key: entryKey, numbers, details }) => ({
    entryKey: Buffer.isBuffer(entryKey) ? entryKey.toString("latin1") : String(entryKey),
    numbers: Buffer.isBuffer(numbers) ? unpackNumbers(numbers) : [],
    details: typeof details === "string" ? details : null,
  }),
  isContention: (error) => {
    const errno: unknown =
      typeof error === "object" && error !== null ? Reflect.get(error, "errno") : undefined;
    return errno === DEADLOCK || errno === LOCK_WAIT_TIMEOUT;
  },
};
