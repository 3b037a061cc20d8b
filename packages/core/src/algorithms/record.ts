import { CELL_SIZE, type CellRule, MAX_INTEGER } from "./cell.ts";
import { ENTRY_SIZE } from "./items.ts";
import { advance, emptyAtMs, keepsItems, summarise, usedOf, waitFor } from "./kernel.ts";

/**
 * A record is everything stored for one scope id: a header and one self-describing entry per limit,
 * in one flat array of integers. One read and one write serve all limits of the scope.
 */
export type ScopeRecord = number[];

/** Header: when it was last written; no later reading of the clock may lie before it. */
export const WRITTEN = 0;
/** Header: from then on the record says nothing and may be removed. */
export const EXPIRES = 1;
/** Header: until then some limit refuses a cost of 1; in the past when none does. */
export const BLOCKED_UNTIL = 2;
/** Header: when the last lease taken here ends; what is held counts as held until then. */
export const LEASE_END = 3;
/** Header: since when the held amounts have been added up. */
export const HELD_SINCE = 4;
/**
 * Header: which reset it follows, as long as reservations from before could still be settled into
 * it; 0 when there are none.
 */
export const GENERATION = 5;

const HEADER_SIZE = 6;

/**
 * In place of an identity: the entry that blocks the whole record until its z. It stands first,
 * where the usual decision looks for a limit and, not finding it, takes the long way. No limit has
 * this identity, since theirs have 48 bits.
 */
const BLOCK = 2 ** 48;

/** The most cells a record has; configurations come and go, and with them limits of other identity. */
const MAX_CELLS = 256;

/** A clock this far behind a record has not merely stepped: the record was written by a wrong clock. */
const MAX_SKEW_MS = 60_000;

/** No lease ends later than that from now: a day. */
const LONGEST_LEASE_MS = 86_400_000;

/** What a limit that was never charged reads. */
export const UNTOUCHED: readonly number[] = Array.from({ length: CELL_SIZE }, () => 0.5).fill(0);

/** A record without usage. Its entries stand in the order of `rules`, where `cellAt` looks first. */
export function newRecord(nowMs: number, rules: readonly CellRule[]): ScopeRecord {
  const record = [nowMs, 0, 0, 0, nowMs, 0];
  for (const { identity } of rules) record.push(identity, 0, 0, 0, 0);
  // Growing leaves room for more; a copy has just what it needs, for the life of the record.
  return record.slice();
}

/** How many cells the record holds, not counting their items. */
export function cellsIn(record: readonly number[]): number {
  let cells = 0;
  for (let at = HEADER_SIZE; at < record.length; at += ENTRY_SIZE) {
    const identity = record[at] ?? 0;
    if (identity > 0 && identity !== BLOCK) cells += 1;
  }
  return cells;
}

/**
 * Where the cell of `identity` starts; -1 when the record has none. `guess` is its place if the
 * record was written under the same limits, as it nearly always was.
 */
export function cellAt(record: ScopeRecord, identity: number, guess: number): number {
  const expected = HEADER_SIZE + guess * ENTRY_SIZE;
  if (record[expected] === identity) return expected + 1;
  for (let at = HEADER_SIZE; at < record.length; at += ENTRY_SIZE) {
    if (record[at] === identity) return at + 1;
  }
  return -1;
}

/** Forgets the limit that was charged longest ago, with its items: nearly always one that is gone. */
function dropOldest(record: ScopeRecord): void {
  let [oldest, oldestMs] = [0, MAX_INTEGER];
  for (let at = HEADER_SIZE; at < record.length; at += ENTRY_SIZE) {
    const [identity = 0, , chargedMs = 0] = record.slice(at, at + 3);
    if (identity <= 0 || identity === BLOCK || chargedMs >= oldestMs) continue;
    [oldest, oldestMs] = [identity, chargedMs];
  }
  for (let at = record.length - ENTRY_SIZE; at >= HEADER_SIZE; at -= ENTRY_SIZE) {
    if (Math.abs(record[at] ?? 0) === oldest) record.splice(at, ENTRY_SIZE);
  }
}

/** The cell of a limit, made if need be and brought to `nowMs`. */
export function openCell(
  record: ScopeRecord,
  rule: CellRule,
  guess: number,
  nowMs: number,
): number {
  let at = cellAt(record, rule.identity, guess);
  if (at < 0) {
    if (cellsIn(record) >= MAX_CELLS) dropOldest(record);
    at = record.push(rule.identity, 0, 0, 0, 0) - CELL_SIZE;
  }
  advance(record, at, rule, nowMs);
  return at;
}

/** Copies a limit's cell to `cells[to…]` as it is at `nowMs`. */
export function readCell(
  record: ScopeRecord | undefined,
  rule: CellRule,
  guess: number,
  nowMs: number,
  cells: number[],
  to: number,
): void {
  const from = record === undefined ? -1 : cellAt(record, rule.identity, guess);
  for (let n = 0; n < CELL_SIZE; n += 1) {
    cells[to + n] = from < 0 ? 0 : (record?.[from + n] ?? 0);
  }
  if (!keepsItems(rule)) advance(cells, to, rule, nowMs);
  else if (record !== undefined && from >= 0) summarise(record, from, rule, nowMs, cells, to);
  // Nothing is held once every lease has ended; what was held stays charged.
  if (record === undefined || nowMs >= (record[LEASE_END] ?? 0)) cells[to + 3] = 0;
}

/**
 * What {@link haveRoom} needs of the rules of a record, in one array of doubles: identity, window
 * and maximum of each. A window of 0 is never open, so a rule that is none takes the long way.
 */
export const windowNumbers = (rules: readonly CellRule[]): readonly number[] => {
  const numbers = [0.5];
  numbers.pop();
  for (const { identity, algorithm, calendar, suspended, windowMs, max } of rules) {
    const counts = algorithm === "fixed-window" && calendar === undefined && !suspended;
    numbers.push(identity, counts ? windowMs : 0, max);
  }
  return numbers.slice();
};

/**
 * The usual case, in one pass over one array: the clock has not stepped back, and every window of
 * the record is open, carries no debt and has more room than `amounts[first…]` take. False says
 * nothing: then each limit is asked.
 *
 * Asking limit by limit makes a decision over four limits about twice as slow, because every
 * number that crosses a call is put on the heap.
 */
export function haveRoom(
  record: ScopeRecord,
  numbers: readonly number[],
  amounts: readonly number[],
  first: number,
  nowMs: number,
): boolean {
  if ((record[WRITTEN] ?? 0) > nowMs) return false;
  let at = HEADER_SIZE;
  let limit = first;
  for (let n = 0; n < numbers.length; n += 3) {
    const x = record[at + 1] ?? 0;
    if (
      record[at] !== numbers[n] ||
      nowMs >= (record[at + 2] ?? 0) + (numbers[n + 1] ?? 0) ||
      x + (amounts[limit] ?? 0) >= (numbers[n + 2] ?? 0) ||
      x === 0 ||
      record[at + 3] !== 0
    ) {
      return false;
    }
    at += ENTRY_SIZE;
    limit += 1;
  }
  return true;
}

/**
 * Charges a record that {@link haveRoom}, and notes in `cells`, which are all 0, how its limits stand
 * then: nothing overflows, no window opens, and the header's times stay as they are.
 */
export function chargeRoom(
  record: ScopeRecord,
  amounts: readonly number[],
  first: number,
  limits: number,
  nowMs: number,
  cells: number[],
): void {
  let at = HEADER_SIZE + 1;
  let to = first * CELL_SIZE;
  const leased = nowMs < (record[LEASE_END] ?? 0);
  for (let limit = first; limit < first + limits; limit += 1) {
    const x = (record[at] ?? 0) + (amounts[limit] ?? 0);
    record[at] = x;
    cells[to] = x;
    cells[to + 1] = record[at + 1] ?? 0;
    if (leased) cells[to + 3] = record[at + 3] ?? 0;
    at += ENTRY_SIZE;
    to += CELL_SIZE;
  }
  record[WRITTEN] = nowMs;
}

/** Lets the header follow a charge: the record lives as long as its cells say something. */
export function noteCharge(record: ScopeRecord, at: number, rule: CellRule, nowMs: number): void {
  const emptyMs = emptyAtMs(record, at, rule);
  if (emptyMs > (record[EXPIRES] ?? 0)) record[EXPIRES] = emptyMs;
  if (usedOf(record, at, rule, nowMs) >= rule.max) noteBlocked(record, at, rule, nowMs);
}

function noteBlocked(record: ScopeRecord, at: number, rule: CellRule, nowMs: number): void {
  const untilMs = nowMs + Math.max(0, waitFor(record, at, rule, nowMs, 1));
  if (untilMs > (record[BLOCKED_UNTIL] ?? 0)) record[BLOCKED_UNTIL] = untilMs;
}

/** Finds out anew whether the record refuses: after a refund it may no longer. */
export function noteRefund(record: ScopeRecord, rules: readonly CellRule[], nowMs: number): void {
  record[BLOCKED_UNTIL] = blockedUntilMs(record);
  for (const [guess, rule] of rules.entries()) {
    const at = cellAt(record, rule.identity, guess);
    if (at >= 0) noteBlocked(record, at, rule, nowMs);
  }
}

/** Makes the record count what is held until a lease ends. */
export function noteLease(record: ScopeRecord, nowMs: number, leaseEndsAtMs: number): void {
  if (nowMs >= (record[LEASE_END] ?? 0)) {
    record[HELD_SINCE] = nowMs;
    for (let at = HEADER_SIZE; at < record.length; at += ENTRY_SIZE) record[at + CELL_SIZE] = 0;
  }
  record[LEASE_END] = Math.max(record[LEASE_END] ?? 0, leaseEndsAtMs);
}

/** Lets go of the lease once nothing is held any more, so that the record is not kept for it. */
export function noteSettled(record: ScopeRecord, nowMs: number): void {
  if (nowMs >= (record[LEASE_END] ?? 0)) return;
  for (let at = HEADER_SIZE; at < record.length; at += ENTRY_SIZE) {
    if (record[at + CELL_SIZE] !== 0) return;
  }
  record[LEASE_END] = nowMs;
}

/** Until when the whole record is blocked; in the past, or 0, when it is not. */
export const blockedUntilMs = (record: ScopeRecord | undefined): number =>
  record?.[HEADER_SIZE] === BLOCK ? (record[HEADER_SIZE + 3] ?? 0) : 0;

/** Blocks the record for that long from now, or lifts the block when that is 0. */
export function block(
  record: ScopeRecord,
  rules: readonly CellRule[],
  nowMs: number,
  forMs: number,
): void {
  if (record[HEADER_SIZE] === BLOCK) record.splice(HEADER_SIZE, ENTRY_SIZE);
  if (forMs > 0) {
    const untilMs = nowMs + forMs;
    record.splice(HEADER_SIZE, 0, BLOCK, 0, nowMs, untilMs, 0);
    record[EXPIRES] = Math.max(record[EXPIRES] ?? 0, untilMs);
  }
  noteRefund(record, rules, nowMs);
  record[WRITTEN] = nowMs;
}

/** Takes out a block that has ended, so that the usual way is open again. */
export function dropEndedBlock(record: ScopeRecord, nowMs: number): void {
  if (record[HEADER_SIZE] !== BLOCK || blockedUntilMs(record) > nowMs) return;
  record.splice(HEADER_SIZE, ENTRY_SIZE);
}

/** What is left where a record was reset, or had expired, while reservations can still be settled. */
export const tombstone = (
  record: ScopeRecord | undefined,
  nowMs: number,
  settleableUntilMs: number,
): ScopeRecord => [
  nowMs,
  settleableUntilMs,
  0,
  record?.[LEASE_END] ?? 0,
  nowMs,
  // Another one than any before, whether or not it is remembered.
  Math.max(nowMs, (record?.[GENERATION] ?? 0) + 1),
];

/**
 * The time a decision happens at: the clock's, but never before what a record saw. A clock that
 * stepped back thus pauses refill instead of crediting it twice.
 *
 * When a record lies more than a minute ahead, it was written under a clock that has since been put
 * right. Clamping would freeze it until then, so it is pulled back instead, usage kept.
 */
export function agreeOnTime(
  records: readonly (ScopeRecord | undefined)[],
  clockMs: number,
): number {
  let nowMs = clockMs;
  for (const record of records) {
    if (record === undefined) continue;
    const writtenMs = record[WRITTEN] ?? 0;
    if (writtenMs - clockMs > MAX_SKEW_MS) pullBack(record, clockMs);
    else if (writtenMs > nowMs) nowMs = writtenMs;
  }
  return nowMs;
}

/** Puts the items of each limit in the order in which they end, in the places they have. */
function sortItems(record: ScopeRecord): void {
  const places = new Map<number, number[]>();
  for (let at = HEADER_SIZE; at < record.length; at += ENTRY_SIZE) {
    const identity = record[at] ?? 0;
    if (identity < 0) places.set(identity, [...(places.get(identity) ?? []), at]);
  }
  for (const own of places.values()) {
    const items = own
      .map((at) => record.slice(at, at + ENTRY_SIZE))
      .toSorted((a, b) => (a[3] ?? 0) - (b[3] ?? 0));
    for (const [n, at] of own.entries()) record.splice(at, ENTRY_SIZE, ...(items[n] ?? []));
  }
}

function pullBack(record: ScopeRecord, clockMs: number): void {
  // The times of the header go back only as far as every cell does: a window that opened before the
  // clock went wrong still ends when it said, and forgetting it earlier would be fresh quota.
  let byMs = MAX_INTEGER;
  for (let y = HEADER_SIZE + 2; y < record.length; y += ENTRY_SIZE) {
    const startMs = record[y] ?? 0;
    if (startMs === 0) continue;
    const aheadMs = Math.max(0, startMs - clockMs);
    byMs = Math.min(byMs, aheadMs);
    record[y] = startMs - aheadMs;
    // A lease and a block end as long after their start as they were given for.
    const identity = record[y - 2] ?? 0;
    const hasEnd = identity < 0 || identity === BLOCK;
    if (hasEnd) record[y + 1] = Math.max(0, (record[y + 1] ?? 0) - aheadMs);
  }
  sortItems(record);
  if (byMs === MAX_INTEGER) byMs = 0;
  for (const field of [EXPIRES, BLOCKED_UNTIL]) {
    record[field] = Math.max(0, (record[field] ?? 0) - byMs);
  }
  record[LEASE_END] = Math.min(record[LEASE_END] ?? 0, clockMs + LONGEST_LEASE_MS);
  record[HELD_SINCE] = Math.min(record[HELD_SINCE] ?? 0, clockMs);
  record[WRITTEN] = clockMs;
}
