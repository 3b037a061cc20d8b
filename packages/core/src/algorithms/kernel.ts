import { CELL_SIZE, type CellRule } from "./cell.ts";
import {
  advanceWindow,
  chargeWindow,
  settleWindow,
  windowEmptyAtMs,
  windowEnded,
  windowForgiven,
  windowUsed,
  windowWaitMs,
} from "./fixed-window.ts";
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
 */

/** In place of a wait: this cost is above the limit's whole capacity. */
export const NEVER_FITS = -1;
/** In place of a wait: the limit is suspended. */
export const SUSPENDED = -2;
/** In place of a cost: the limit does not apply to this call. */
export const NOT_APPLIED = -1;

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
  if (rule.algorithm === "token-bucket") return bucketWaitMs(cells, at, rule, nowMs, cost);
  if (!windowEnded(cells, at, rule, nowMs)) return windowWaitMs(cells, at, rule, nowMs, cost);
  for (let n = 0; n < CELL_SIZE; n += 1) aside[n] = cells[at + n] ?? 0;
  advanceWindow(aside, 0, rule, nowMs);
  return windowWaitMs(aside, 0, rule, nowMs, cost);
}

/** Brings a cell to `nowMs`, which must not be before the instant it was last written. */
export function advance(cells: number[], at: number, rule: CellRule, nowMs: number): void {
  if (rule.algorithm === "fixed-window") advanceWindow(cells, at, rule, nowMs);
  else advanceBucket(cells, at, rule, nowMs);
}

/** Books `cost` on an advanced cell, unconditionally. */
export function charge(
  cells: number[],
  at: number,
  rule: CellRule,
  nowMs: number,
  cost: number,
): void {
  if (rule.algorithm === "fixed-window") chargeWindow(cells, at, nowMs, cost);
  else chargeBucket(cells, at, rule, cost);
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
  if (rule.algorithm === "fixed-window") settleWindow(cells, at, rule, nowMs, delta, startMs);
  else settleBucket(cells, at, rule, delta);
}

/** Units in force in an advanced cell: above `rule.max` when there is debt. */
export const usedOf = (cells: readonly number[], at: number, rule: CellRule): number =>
  rule.algorithm === "fixed-window" ? windowUsed(cells, at, rule) : bucketUsed(cells, at, rule);

/** When an advanced cell says nothing any more, in epoch ms; long past when it never did. */
export const emptyAtMs = (cells: readonly number[], at: number, rule: CellRule): number =>
  rule.algorithm === "fixed-window"
    ? windowEmptyAtMs(cells, at, rule)
    : bucketFullAtMs(cells, at, rule);

/** How much of the last booking of `delta` will never be repaid. */
export const forgivenOf = (
  cells: readonly number[],
  at: number,
  rule: CellRule,
  delta: number,
): number => (rule.algorithm === "fixed-window" ? windowForgiven(cells, at, rule, delta) : 0);
