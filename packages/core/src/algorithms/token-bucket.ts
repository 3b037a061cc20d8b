import { type CellRule, MAX_INTEGER, saturatingAdd } from "./cell.ts";

/**
 * A bucket that starts full and refills continuously. The cell keeps what is *missing*, counted in
 * 1/`scale` of a unit, so that the refill per millisecond is a whole number and no fraction is lost.
 *
 * {@link advanceBucket} and {@link bucketWaitMs} take a cell of any age; the others take one that
 * has been brought to now.
 */

/** What is missing at `nowMs`, in the rule's scale. */
function missingAt(cells: readonly number[], at: number, rule: CellRule, nowMs: number): number {
  const written = cells[at] ?? 0;
  const writtenScale = cells[at + 2] ?? 0;
  // Under another scale it is rounded up to whole units: a new rate never gives anything back.
  const missing =
    writtenScale === rule.scale || writtenScale === 0
      ? written
      : Math.min(MAX_INTEGER, Math.ceil(written / writtenScale) * rule.scale);
  const elapsedMs = nowMs - (cells[at + 1] ?? 0);
  // The division comes first: `refill * elapsedMs` alone could leave the exact integers.
  return elapsedMs >= Math.ceil(missing / rule.refill) ? 0 : missing - rule.refill * elapsedMs;
}

/** Brings the cell to `nowMs`: lets flow back what time has refilled. */
export function advanceBucket(cells: number[], at: number, rule: CellRule, nowMs: number): void {
  cells[at] = missingAt(cells, at, rule, nowMs);
  cells[at + 1] = nowMs;
  cells[at + 2] = rule.scale;
}

/** Units spent, rounded up; above `max` when there is debt. */
export const bucketUsed = (cells: readonly number[], at: number, rule: CellRule): number =>
  Math.ceil((cells[at] ?? 0) / rule.scale);

/** How long until `cost` fits if nobody else spends: 0 when it fits now. Takes `cost <= max`. */
export function bucketWaitMs(
  cells: readonly number[],
  at: number,
  rule: CellRule,
  nowMs: number,
  cost: number,
): number {
  const surplus = missingAt(cells, at, rule, nowMs) - (rule.max - cost) * rule.scale;
  // Rounded up: a client that waits the advertised time must not be refused again.
  return surplus <= 0 || cost === 0 ? 0 : Math.ceil(surplus / rule.refill);
}

/** Takes `cost` out now, whether it fits or not. */
export function chargeBucket(cells: number[], at: number, rule: CellRule, cost: number): void {
  const missing = cells[at] ?? 0;
  const room = Math.floor((MAX_INTEGER - missing) / rule.scale);
  cells[at] = cost > room ? MAX_INTEGER : missing + cost * rule.scale;
}

/** Books the difference between a hold and its real cost; a refund never lifts it above full. */
export function settleBucket(cells: number[], at: number, rule: CellRule, delta: number): void {
  if (delta > 0) chargeBucket(cells, at, rule, delta);
  else cells[at] = Math.max(0, (cells[at] ?? 0) + delta * rule.scale);
  const empty = rule.max * rule.scale;
  if (rule.forgivesDebt && (cells[at] ?? 0) > empty) cells[at] = empty;
}

/** When the bucket is full, in epoch ms. */
export const bucketFullAtMs = (cells: readonly number[], at: number, rule: CellRule): number =>
  saturatingAdd(cells[at + 1] ?? 0, Math.ceil((cells[at] ?? 0) / rule.refill));
