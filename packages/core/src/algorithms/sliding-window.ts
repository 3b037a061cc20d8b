import { type CellRule, MAX_INTEGER } from "./cell.ts";

/**
 * A window of `windowMs` that moves with time, approximated by two counters: what was charged in the
 * window that is open, and what was charged in the one before, weighted by how much of that one the
 * moving window still covers. The first of them opens at the subject's first charge.
 *
 * The part that is covered is counted in ticks and rounded up, as is the weight: never more than
 * `max` units are in force, and a wait that is told is enough. Charges are taken to be spread evenly
 * over the window before; where they were not, up to twice `max`, less one unit, can be charged
 * within some stretch of `windowMs`, and calls can be refused that an exact log would admit.
 *
 * {@link slidingWaitMs} takes a cell of any age; the others, but for {@link advanceSliding}, one that
 * has been brought to now.
 */

/** Brings the cell to `nowMs`: the window that is open becomes the one before, or is forgotten. */
export function advanceSliding(
  cells: number[],
  at: number,
  { windowMs }: CellRule,
  nowMs: number,
): void {
  const endMs = (cells[at + 1] ?? 0) + windowMs;
  if (nowMs < endMs) return;
  const before = nowMs < endMs + windowMs ? (cells[at] ?? 0) : 0;
  cells[at] = 0;
  cells[at + 1] = before > 0 ? endMs : 0;
  cells[at + 2] = before;
}

/** How many ticks a window has. */
const ticksIn = ({ windowMs, tickMs }: CellRule): number => windowMs / tickMs;

/** What the window before counts for when the moving window covers it whole. */
const weighed = (before: number, { forgivesDebt, max }: CellRule): number =>
  forgivesDebt ? Math.min(max, before) : before;

/** Units in force; above `max` when there is debt. */
export function slidingUsed(
  cells: readonly number[],
  at: number,
  rule: CellRule,
  nowMs: number,
): number {
  const before = weighed(cells[at + 2] ?? 0, rule);
  const coveredTicks = Math.ceil(((cells[at + 1] ?? 0) + rule.windowMs - nowMs) / rule.tickMs);
  // The product stays exact: `chargeSliding` keeps counters below MAX_INTEGER / ticks.
  return (cells[at] ?? 0) + Math.ceil((before * coveredTicks) / ticksIn(rule));
}

/** How long until `cost` fits if nobody else spends: 0 when it fits now. Takes `cost <= max`. */
export function slidingWaitMs(
  cells: readonly number[],
  at: number,
  rule: CellRule,
  nowMs: number,
  cost: number,
): number {
  if (cost === 0) return 0;
  let [charged = 0, startMs = 0, before = 0] = [cells[at], cells[at + 1], cells[at + 2]];
  // At most two rolls empty it: of a cell of that age nothing is left to wait for.
  for (let roll = 0; roll < 2 && nowMs >= startMs + rule.windowMs; roll += 1) {
    [charged, startMs, before] = [0, startMs + rule.windowMs, charged];
  }
  if (nowMs >= startMs + rule.windowMs) return 0;
  const room = rule.max - charged - cost;
  // Without room beside this window's own charges, the window has to become the one before.
  return room >= 0
    ? Math.max(0, fadedAtMs(before, startMs, room, rule) - nowMs)
    : fadedAtMs(charged, startMs + rule.windowMs, rule.max - cost, rule) - nowMs;
}

/** From when on the window before counts for at most `room`, while that from `startMs` is open. */
function fadedAtMs(before: number, startMs: number, room: number, rule: CellRule): number {
  const ticks = ticksIn(rule);
  const weight = weighed(before, rule);
  const coveredTicks = weight <= room ? ticks : Math.floor((room * ticks) / weight);
  return startMs + rule.windowMs - coveredTicks * rule.tickMs;
}

/** Books `cost` now, whether it fits or not; opens a window when there is none. */
export function chargeSliding(
  cells: number[],
  at: number,
  rule: CellRule,
  nowMs: number,
  cost: number,
): void {
  if (cells[at] === 0 && cells[at + 2] === 0) cells[at + 1] = nowMs;
  const most = Math.floor(MAX_INTEGER / ticksIn(rule));
  cells[at] = cost > most - (cells[at] ?? 0) ? most : (cells[at] ?? 0) + cost;
}

/** Books the difference between a hold taken in the window that opened at `startMs` and its real cost. */
export function settleSliding(
  cells: number[],
  at: number,
  rule: CellRule,
  nowMs: number,
  delta: number,
  startMs: number,
): void {
  const openedMs = cells[at + 1] ?? 0;
  if (delta >= 0) chargeSliding(cells, at, rule, nowMs, delta);
  else if (openedMs === startMs) cells[at] = Math.max(0, (cells[at] ?? 0) + delta);
  else if (openedMs === startMs + rule.windowMs) {
    cells[at + 2] = Math.max(0, (cells[at + 2] ?? 0) + delta);
  }
}

/** When usage is zero again if nobody spends, in epoch ms. */
export function slidingEmptyAtMs(cells: readonly number[], at: number, rule: CellRule): number {
  const endMs = (cells[at + 1] ?? 0) + rule.windowMs;
  if ((cells[at] ?? 0) > 0) return endMs + rule.windowMs;
  return (cells[at + 2] ?? 0) > 0 ? endMs : 0;
}

/** Gives `amount` back: what the open window holds first, then what the one before does. */
export function creditSliding(cells: number[], at: number, amount: number): void {
  const fromWindow = Math.min(amount, cells[at] ?? 0);
  cells[at] = (cells[at] ?? 0) - fromWindow;
  cells[at + 2] = Math.max(0, (cells[at + 2] ?? 0) - (amount - fromWindow));
}
