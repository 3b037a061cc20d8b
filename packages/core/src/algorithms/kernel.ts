import { CELL_SIZE, type CellRule } from "./cell.ts";
import {
  advanceWindow,
  chargeWindow,
  creditWindow,
  settleWindow,
  windowEmptyAtMs,
  windowEnded,
  windowForgiven,
  windowUsed,
  windowWaitMs,
} from "./fixed-window.ts";
import { itemsWaitMs, summariseItems } from "./items.ts";
import { advanceLog, chargeLog, creditLog, settleLog } from "./sliding-log.ts";
import {
  advanceSliding,
  chargeSliding,
  creditSliding,
  settleSliding,
  slidingEmptyAtMs,
  slidingUsed,
  slidingWaitMs,
} from "./sliding-window.ts";
import { advanceSlots, summariseSlots } from "./slots.ts";
import {
  advanceBucket,
  bucketFullAtMs,
  bucketUsed,
  bucketWaitMs,
  chargeBucket,
  settleBucket,
} from "./token-bucket.ts";

/**
 * One door to all rules: each function finds the cell's rule and lets it compute. Everything here
 * is integer arithmetic on the array it is given: no clock, no I/O, no memory of its own.
 *
 * Rules that keep items find them in the same array, so theirs must be a whole record.
 */

/** In place of a wait: this cost is above the limit's whole capacity. */
export const NEVER_FITS = -1;
/** In place of a wait: the limit is suspended. */
export const SUSPENDED = -2;
/** In place of a cost: the limit does not apply to this call. */
export const NOT_APPLIED = -1;

/** Whether the rule keeps items in the record beside its cell. */
export const keepsItems = ({ algorithm }: CellRule): boolean =>
  algorithm === "sliding-log" || algorithm === "slots";

// Where a window that has ended is rolled over to be asked, since asking must not change it. One
// block for all calls: nothing here outlives a call. The fraction keeps it an array of doubles.
const aside: number[] = Array.from({ length: CELL_SIZE }, () => 0.5);

/**
 * 0 when `cost` fits, else the wait in ms until it does, {@link NEVER_FITS} or {@link SUSPENDED}.
 * Takes a cell of any age and leaves it as it is.
 */
export function waitFor(
  cells: readonly number[],
  at: number,
  rule: CellRule,
  nowMs: number,
  cost: number,
): number {
  if (rule.suspended) return SUSPENDED;
  if (cost > rule.max) return NEVER_FITS;
  switch (rule.algorithm) {
    case "fixed-window":
      return fixedWaitMs(cells, at, rule, nowMs, cost);
    case "token-bucket":
      return bucketWaitMs(cells, at, rule, nowMs, cost);
    case "sliding-window":
      return slidingWaitMs(cells, at, rule, nowMs, cost);
    case "sliding-log":
    case "slots":
      return itemsWaitMs(cells, at, rule, nowMs, cost);
  }
}

function fixedWaitMs(
  cells: readonly number[],
  at: number,
  rule: CellRule,
  nowMs: number,
  cost: number,
): number {
  if (!windowEnded(cells, at, rule, nowMs)) return windowWaitMs(cells, at, rule, nowMs, cost);
  for (let n = 0; n < CELL_SIZE; n += 1) aside[n] = cells[at + n] ?? 0;
  advanceWindow(aside, 0, rule, nowMs);
  return windowWaitMs(aside, 0, rule, nowMs, cost);
}

/** Brings a cell to `nowMs`, which must not be before the instant it was last written. */
export function advance(cells: number[], at: number, rule: CellRule, nowMs: number): void {
  switch (rule.algorithm) {
    case "fixed-window":
      return advanceWindow(cells, at, rule, nowMs);
    case "token-bucket":
      return advanceBucket(cells, at, rule, nowMs);
    case "sliding-window":
      return advanceSliding(cells, at, rule, nowMs);
    case "sliding-log":
      return advanceLog(cells, at, rule, nowMs);
    case "slots":
      return advanceSlots(cells, at, rule, nowMs);
  }
}

/**
 * Writes the cell of a rule that keeps items, as it is at `nowMs`, to `cells[to…]`. Only reads the
 * record.
 */
export function summarise(
  record: readonly number[],
  at: number,
  rule: CellRule,
  nowMs: number,
  cells: number[],
  to: number,
): void {
  if (rule.algorithm === "slots") summariseSlots(record, at, rule, nowMs, cells, to);
  else summariseItems(record, at, rule, nowMs, cells, to);
}

/** Books `cost` on an advanced cell, unconditionally. Slots are taken with a lease; see `slots.ts`. */
export function charge(
  cells: number[],
  at: number,
  rule: CellRule,
  nowMs: number,
  cost: number,
): void {
  switch (rule.algorithm) {
    case "fixed-window":
      return chargeWindow(cells, at, nowMs, cost);
    case "token-bucket":
      return chargeBucket(cells, at, rule, cost);
    case "sliding-window":
      return chargeSliding(cells, at, rule, nowMs, cost);
    case "sliding-log":
      return chargeLog(cells, at, rule, nowMs, cost);
    case "slots":
      return undefined;
  }
}

/** Books `delta` = real cost − held, for a hold that was taken when the cell's y was `startMs`. */
export function settle(
  cells: number[],
  at: number,
  rule: CellRule,
  nowMs: number,
  delta: number,
  startMs: number,
): void {
  switch (rule.algorithm) {
    case "fixed-window":
      return settleWindow(cells, at, rule, nowMs, delta, startMs);
    case "token-bucket":
      return settleBucket(cells, at, rule, delta);
    case "sliding-window":
      return settleSliding(cells, at, rule, nowMs, delta, startMs);
    case "sliding-log":
      return settleLog(cells, at, rule, nowMs, delta, startMs);
    case "slots":
      return undefined;
  }
}

/** Gives `amount` back on an advanced cell, as far as there is anything; never quota beyond that. */
export function credit(
  cells: number[],
  at: number,
  rule: CellRule,
  nowMs: number,
  amount: number,
): void {
  switch (rule.algorithm) {
    case "fixed-window":
      return creditWindow(cells, at, amount);
    case "token-bucket":
      return settleBucket(cells, at, rule, -amount);
    case "sliding-window":
      return creditSliding(cells, at, amount);
    case "sliding-log":
      return creditLog(cells, at, rule, nowMs, amount);
    case "slots":
      return undefined;
  }
}

/** Units in force in an advanced cell: above `rule.max` when there is debt. */
export function usedOf(
  cells: readonly number[],
  at: number,
  rule: CellRule,
  nowMs: number,
): number {
  switch (rule.algorithm) {
    case "fixed-window":
      return windowUsed(cells, at, rule);
    case "token-bucket":
      return bucketUsed(cells, at, rule);
    case "sliding-window":
      return slidingUsed(cells, at, rule, nowMs);
    case "sliding-log":
    case "slots":
      return cells[at] ?? 0;
  }
}

/** When an advanced cell says nothing any more, in epoch ms; long past when it never did. */
export function emptyAtMs(cells: readonly number[], at: number, rule: CellRule): number {
  switch (rule.algorithm) {
    case "fixed-window":
      return windowEmptyAtMs(cells, at, rule);
    case "token-bucket":
      return bucketFullAtMs(cells, at, rule);
    case "sliding-window":
      return slidingEmptyAtMs(cells, at, rule);
    case "sliding-log":
    case "slots":
      return cells[at + 2] ?? 0;
  }
}

/**
 * How much of the last booking of `delta` will never be repaid. Only a fixed window writes anything
 * off: what a sliding rule has charged goes on counting until it is a window old, however much it is.
 */
export const forgivenOf = (
  cells: readonly number[],
  at: number,
  rule: CellRule,
  delta: number,
): number => (rule.algorithm === "fixed-window" ? windowForgiven(cells, at, rule, delta) : 0);

/** Whether what was held when the cell's y was `startMs` is still in its count of held units. */
export const holdsSince = (
  cells: readonly number[],
  at: number,
  { algorithm }: CellRule,
  startMs: number,
): boolean => algorithm !== "fixed-window" || cells[at + 1] === startMs;
