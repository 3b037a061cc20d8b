import { type CellRule, saturatingAdd } from "./cell.ts";
import { dropEnded, firstItem, insertItem, nextItem, removeItem, summariseItems } from "./items.ts";

/**
 * At most `max` slots taken at one time. A slot is taken with a lease and is free again when it is
 * vacated, or else when the lease ends, exclusively: a holder that died keeps it no longer.
 *
 * Leases that end together share one item: which of them a slot belongs to makes no difference.
 */

/** Frees the slots whose lease has ended and brings the cell up to date. */
export function advanceSlots(record: number[], at: number, rule: CellRule, nowMs: number): void {
  dropEnded(record, at, rule, nowMs);
  summariseSlots(record, at, rule, nowMs, record, at);
}

/** Writes the cell as it is at `nowMs` to `cells[to…]`: whatever is taken is held. */
export function summariseSlots(
  record: readonly number[],
  at: number,
  rule: CellRule,
  nowMs: number,
  cells: number[],
  to: number,
): void {
  summariseItems(record, at, rule, nowMs, cells, to);
  cells[to + 3] = cells[to] ?? 0;
}

/** Takes slots until `endMs`, whether they are free or not. */
export function takeSlots(
  record: number[],
  at: number,
  rule: CellRule,
  nowMs: number,
  wanted: number,
  endMs: number,
): void {
  let item = firstItem(record, rule, at);
  while (item >= 0 && (record[item + 3] ?? 0) < endMs) item = nextItem(record, rule, item);
  if (item >= 0 && record[item + 3] === endMs) {
    record[item + 1] = saturatingAdd(record[item + 1] ?? 0, wanted);
    record[item + 2] = nowMs;
  } else {
    insertItem(record, rule, item, wanted, nowMs, endMs);
  }
  summariseSlots(record, at, rule, nowMs, record, at);
}

/**
 * Frees slots whose lease ends at `endMs`; those of a lease that has ended are free already. One that
 * has not, and cannot be found, was pulled back with the record when a clock was put right: then those
 * of the last lease are freed, since it makes no difference whose they were.
 */
export function vacateSlots(
  record: number[],
  at: number,
  rule: CellRule,
  nowMs: number,
  taken: number,
  endMs: number,
): void {
  let [found, last] = [-1, -1];
  for (let item = firstItem(record, rule, at); item >= 0; item = nextItem(record, rule, item)) {
    if (record[item + 3] === endMs) found = item;
    last = item;
  }
  const item = found >= 0 || nowMs >= endMs ? found : last;
  if (item < 0) return;
  const left = (record[item + 1] ?? 0) - taken;
  if (left <= 0) removeItem(record, item);
  else record[item + 1] = left;
  summariseSlots(record, at, rule, nowMs, record, at);
}
