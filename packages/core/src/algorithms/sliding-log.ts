import { type CellRule, saturatingAdd } from "./cell.ts";
import { dropEnded, firstItem, insertItem, nextItem, removeItem, summariseItems } from "./items.ts";

/**
 * A window of `windowMs` that moves with time, exactly: every charge is remembered until it is
 * `windowMs` old, exclusively, so no stretch of that length ever sees more than `max` admitted.
 *
 * It has at most `maxEntries` entries. Charges of one millisecond share one; beyond the bound, two
 * neighbours become one, at the later of their times: the two that lose least by it. So memory is
 * bounded, and what was merged is in force longer than it should be, never shorter.
 */

/** Removes what no longer counts and brings the cell up to date. */
export function advanceLog(record: number[], at: number, rule: CellRule, nowMs: number): void {
  dropEnded(record, at, rule, nowMs);
  summariseItems(record, at, rule, nowMs, record, at);
}

/** Books `cost` now on an advanced log, whether it fits or not. */
export function chargeLog(
  record: number[],
  at: number,
  rule: CellRule,
  nowMs: number,
  cost: number,
): void {
  if (cost === 0) return;
  let [last, entries] = [-1, 0];
  for (let item = firstItem(record, rule, at); item >= 0; item = nextItem(record, rule, item)) {
    last = item;
    entries += 1;
  }
  if (last >= 0 && record[last + 2] === nowMs) {
    record[last + 1] = saturatingAdd(record[last + 1] ?? 0, cost);
  } else {
    insertItem(record, rule, -1, cost, nowMs, nowMs + rule.windowMs);
    if (entries + 1 > rule.maxEntries) mergeClosest(record, at, rule);
  }
  summariseItems(record, at, rule, nowMs, record, at);
}

function mergeClosest(record: number[], at: number, rule: CellRule): void {
  let [closest, least] = [-1, Number.POSITIVE_INFINITY];
  let item = firstItem(record, rule, at);
  for (;;) {
    const later = nextItem(record, rule, item);
    if (later < 0) break;
    // Units times the time for which they will count too long: by time alone, steady calls would all be
    // pushed onto the oldest entry, which would never get old.
    const apartMs = (record[later + 2] ?? 0) - (record[item + 2] ?? 0);
    const harm = apartMs * (record[item + 1] ?? 0);
    if (harm < least) [closest, least] = [item, harm];
    item = later;
  }
  if (closest < 0) return;
  const later = nextItem(record, rule, closest);
  record[later + 1] = saturatingAdd(record[later + 1] ?? 0, record[closest + 1] ?? 0);
  removeItem(record, closest);
}

/** Books the difference between a hold taken at `startMs` and its real cost, on an advanced log. */
export function settleLog(
  record: number[],
  at: number,
  rule: CellRule,
  nowMs: number,
  delta: number,
  startMs: number,
): void {
  if (delta >= 0) chargeLog(record, at, rule, nowMs, delta);
  // What is older no longer counts, and leaves nothing that could be given back.
  else if (nowMs < startMs + rule.windowMs) refund(record, at, rule, nowMs, -delta, startMs);
}

/** Gives `amount` back, of the oldest charges first: they would have gone first. */
export function creditLog(
  record: number[],
  at: number,
  rule: CellRule,
  nowMs: number,
  amount: number,
): void {
  let left = amount;
  for (;;) {
    const item = firstItem(record, rule, at);
    if (item < 0 || left === 0) break;
    const taken = Math.min(left, record[item + 1] ?? 0);
    takeFrom(record, item, taken);
    left -= taken;
  }
  summariseItems(record, at, rule, nowMs, record, at);
}

// An entry that is no longer there was merged into the next later one.
function refund(
  record: number[],
  at: number,
  rule: CellRule,
  nowMs: number,
  amount: number,
  startMs: number,
): void {
  let item = firstItem(record, rule, at);
  while (item >= 0 && (record[item + 2] ?? 0) < startMs) item = nextItem(record, rule, item);
  if (item < 0) return;
  takeFrom(record, item, Math.min(amount, record[item + 1] ?? 0));
  summariseItems(record, at, rule, nowMs, record, at);
}

function takeFrom(record: number[], item: number, units: number): void {
  const left = (record[item + 1] ?? 0) - units;
  if (left === 0) removeItem(record, item);
  else record[item + 1] = left;
}
