import type { StoredUsage } from "@tollgate/core/shared";

import { type ChangedRow, expiryOf, recordEntry, reservationEntry, type Row } from "./rows.ts";

/** What a row holds, as it moves to another store. */
export function* usageOf(row: Row, nowMs: number): Generator<StoredUsage> {
  const { entryKey, numbers } = row;
  if (numbers.length === 0 || expiryOf(entryKey, numbers) <= nowMs) return;
  const name = entryKey.slice(2);
  if (row.details === null) yield { key: name, record: numbers };
  else yield { token: name, details: row.details, numbers };
}

/** The row of what another store exported. */
export function rowOf(usage: StoredUsage): ChangedRow {
  const [entryKey, numbers, details] =
    "key" in usage
      ? [recordEntry(usage.key), usage.record, null]
      : [reservationEntry(usage.token), usage.numbers, usage.details];
  const expiresAtMs = expiryOf(entryKey, numbers);
  return { entryKey, numbers, details, expiresAtMs };
}
