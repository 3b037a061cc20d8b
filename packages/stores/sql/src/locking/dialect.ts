import type { ChangedRow, Row } from "../rows.ts";
import type { Dialect } from "../schema.ts";
import type { TableNames } from "../table-names.ts";

/** A statement and the values of its placeholders. */
export type Statement = readonly [text: string, values: readonly unknown[]];

/** How one database says what the locking engine needs. */
export interface LockingDialect {
  readonly dialect: Dialect;
  readonly begin: string;
  /** Locks the entries that are there, in the order given; each row tells `now_ms`, read after that. */
  readonly lock: (names: TableNames, entries: readonly string[]) => Statement;
  /** Reads entries as they are committed, without locking them. */
  readonly read: (names: TableNames, entries: readonly string[]) => Statement;
  /** Writes rows, all at once. */
  readonly write: (names: TableNames, rows: readonly ChangedRow[]) => Statement;
  /** Makes empty rows for entries that are not there. */
  readonly make: (names: TableNames, entries: readonly string[], checkAtMs: number) => Statement;
  readonly now: string;
  /** Rows that may have expired by then and are locked by nobody. */
  readonly expired: (names: TableNames, untilMs: number, limit: number) => Statement;
  readonly remove: (names: TableNames, entries: readonly string[]) => Statement;
  readonly checkLater: (names: TableNames, entry: string, checkAtMs: number) => Statement;
  readonly page: (names: TableNames, after: string, limit: number) => Statement;
  /** Open reservations whose details name all these texts. */
  readonly reservations: (names: TableNames, texts: readonly string[]) => Statement;
  readonly claim: (names: TableNames, nowMs: number, untilMs: number) => Statement;
  readonly rowFrom: (row: Readonly<Record<string, unknown>>) => Row;
  /** Whether the statement failed for want of a lock, so that nothing of its transaction was done. */
  readonly isContention: (error: unknown) => boolean;
}
