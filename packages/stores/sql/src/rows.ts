import { EXPIRES, GRACE_MS, LEASE_ENDS_AT, type State, type Trip } from "@tollgate/core/shared";

/**
 * One table holds all: records of usage under `r:` and their key, reservations under `h:` and their
 * token. So a decision with its reservation is one statement that reads and one that writes.
 */
export interface Row {
  readonly entryKey: string;
  /** Empty in a row that was only made to be locked. */
  readonly numbers: readonly number[];
  /** What a reservation is for. */
  readonly details: string | null;
}

/** A row as it is to be written. */
export interface ChangedRow extends Row {
  /**
   * When it expires. The column keeps the least it ever was, since then it hardly ever changes, and its
   * index with it; a sweep that finds a row still alive moves it on.
   */
  readonly expiresAtMs: number;
}

export const recordEntry = (key: string): string => `r:${key}`;
export const reservationEntry = (token: string): string => `h:${token}`;

/** Where the reservations are among the entries: from the first, before the second. */
export const RESERVATIONS = ["h:", "h;"] as const;

const isReservation = (entryKey: string): boolean => entryKey.startsWith("h:");

/** When an entry with these numbers expires. */
export const expiryOf = (entryKey: string, numbers: readonly number[]): number =>
  isReservation(entryKey) ? (numbers[LEASE_ENDS_AT] ?? 0) + GRACE_MS : (numbers[EXPIRES] ?? 0);

export type Rows = ReadonlyMap<string, Row>;

/** The state of a trip that its rows hold. */
export const stateOf = ({ keys, tokens }: Trip, rows: Rows, clockMs: number): State => ({
  clockMs,
  records: keys.map((key) => {
    const row = rows.get(recordEntry(key));
    return row === undefined || row.numbers.length === 0 ? undefined : row.numbers.slice();
  }),
  reservations: tokens.map((token) => {
    const row = rows.get(reservationEntry(token));
    return row === undefined
      ? undefined
      : { details: row.details ?? "", numbers: row.numbers.slice() };
  }),
});

const isSame = (before: readonly number[] | undefined, after: readonly number[]): boolean =>
  before !== undefined &&
  before.length === after.length &&
  before.every((number, index) => number === after[index]);

/** The rows that differ from what they were, in the order of their keys. */
export function changesOf({ keys, tokens }: Trip, rows: Rows, state: State): ChangedRow[] {
  const changes: ChangedRow[] = [];
  const note = (entryKey: string, numbers: readonly number[], details: string | null): void => {
    if (isSame(rows.get(entryKey)?.numbers, numbers)) return;
    changes.push({ entryKey, numbers, details, expiresAtMs: expiryOf(entryKey, numbers) });
  };
  for (const [place, token] of tokens.entries()) {
    const stored = state.reservations[place];
    if (stored !== undefined) note(reservationEntry(token), stored.numbers, stored.details);
  }
  for (const [place, key] of keys.entries()) {
    const record = state.records[place];
    if (record !== undefined) note(recordEntry(key), record, null);
  }
  return changes;
}
