import { type CellRule, saturatingAdd } from "./cell.ts";

/**
 * A window that opens at the subject's first charge and ends `windowMs` later, exclusively; or, where
 * the rule follows the calendar, with the calendar's window that the charge falls into.
 *
 * What was charged above the limit is debt. It is carried into the one window that follows, which
 * then opens where the old one ended; what that window cannot hold is forgiven.
 *
 * Every function but the first two takes a cell that {@link advanceWindow} has brought to now.
 */

/** Whether the cell's window is over, or was never opened: then it must be advanced first. */
export const windowEnded = (
  cells: readonly number[],
  at: number,
  rule: CellRule,
  nowMs: number,
): boolean =>
  rule.calendar === undefined
    ? nowMs >= (cells[at + 1] ?? 0) + rule.windowMs
    : isUnopened(cells, at) || nowMs >= rule.calendar.endOf(cells[at + 1] ?? 0);

const isUnopened = (cells: readonly number[], at: number): boolean =>
  cells[at] === 0 && cells[at + 2] === 0;

/** When the window that began at `startMs` ends. */
const endOf = ({ calendar, windowMs }: CellRule, startMs: number): number =>
  calendar === undefined ? startMs + windowMs : calendar.endOf(startMs);

/** Brings the cell to `nowMs`: rolls the window over as often as it has ended since. */
export function advanceWindow(cells: number[], at: number, rule: CellRule, nowMs: number): void {
  // Two rolls empty every cell: the second window holds carried debt only, and no more than `max`.
  for (let roll = 0; roll < 2 && windowEnded(cells, at, rule, nowMs); roll += 1) {
    const carried = carriedOver(cells, at, rule);
    cells[at + 1] = carried > 0 ? endOf(rule, cells[at + 1] ?? 0) : 0;
    cells[at] = 0;
    cells[at + 2] = carried;
    cells[at + 3] = 0;
  }
}

/** Units in force, `x + min(max, z)`; above `max` when there is debt. */
export const windowUsed = (cells: readonly number[], at: number, { max }: CellRule): number =>
  saturatingAdd(cells[at] ?? 0, Math.min(max, cells[at + 2] ?? 0));

/** What the next window would start with if this one ended as it stands. */
const carriedOver = (cells: readonly number[], at: number, rule: CellRule): number =>
  rule.forgivesDebt ? 0 : Math.max(0, windowUsed(cells, at, rule) - rule.max);

/** How long until `cost` fits if nobody else spends: 0 when it fits now. Takes `cost <= max`. */
export function windowWaitMs(
  cells: readonly number[],
  at: number,
  rule: CellRule,
  nowMs: number,
  cost: number,
): number {
  if (windowUsed(cells, at, rule) <= rule.max - cost || cost === 0) return 0;
  const endMs = endOf(rule, cells[at + 1] ?? 0);
  const usedNext = Math.min(rule.max, carriedOver(cells, at, rule));
  return (usedNext <= rule.max - cost ? endMs : endOf(rule, endMs)) - nowMs;
}

/** Books `cost` now, whether it fits or not; opens the window when there is none. */
export function chargeWindow(cells: number[], at: number, nowMs: number, cost: number): void {
  if (isUnopened(cells, at)) cells[at + 1] = nowMs;
  cells[at] = saturatingAdd(cells[at] ?? 0, cost);
}

/**
 * Books the difference between a hold taken in the window that opened at `startMs` and its real
 * cost. An overrun counts now; a refund only reaches the window it was charged in, or the debt
 * which that window left behind.
 */
export function settleWindow(
  cells: number[],
  at: number,
  rule: CellRule,
  nowMs: number,
  delta: number,
  startMs: number,
): void {
  const openedMs = cells[at + 1] ?? 0;
  if (delta >= 0) chargeWindow(cells, at, nowMs, delta);
  else if (openedMs === startMs) cells[at] = Math.max(0, (cells[at] ?? 0) + delta);
  else if (openedMs === endOf(rule, startMs)) {
    cells[at + 2] = Math.max(0, (cells[at + 2] ?? 0) + delta);
  }
}

/** Gives `amount` back to whoever has spent it: what this window holds first, then older debt. */
export function creditWindow(cells: number[], at: number, amount: number): void {
  const fromWindow = Math.min(amount, cells[at] ?? 0);
  cells[at] = (cells[at] ?? 0) - fromWindow;
  cells[at + 2] = Math.max(0, (cells[at + 2] ?? 0) - (amount - fromWindow));
}

/** When usage is zero again if nobody spends, in epoch ms: at the end of this window or the next. */
export function windowEmptyAtMs(cells: readonly number[], at: number, rule: CellRule): number {
  if (windowUsed(cells, at, rule) === 0) return 0;
  const endMs = endOf(rule, cells[at + 1] ?? 0);
  return carriedOver(cells, at, rule) > 0 ? endOf(rule, endMs) : endMs;
}

/** Debt that no further window will hold, as far as the last booking of `delta` caused it. */
export function windowForgiven(
  cells: readonly number[],
  at: number,
  rule: CellRule,
  delta: number,
): number {
  const repaid = rule.forgivesDebt ? rule.max : 2 * rule.max;
  return Math.max(0, Math.min(delta, windowUsed(cells, at, rule) - repaid));
}
