import { type CellRule, saturatingAdd } from "./cell.ts";

/**
 * Rules that must remember single charges keep items beside their cell: entries of the same record,
 * of the same size, under the negative of the limit's identity.
 *
 * | at     | sliding log                 | slots                                |
 * | ------ | --------------------------- | ------------------------------------ |
 * | `+0`   | − identity                  | − identity                           |
 * | `+1` x | units                       | slots                                |
 * | `+2` y | when charged (epoch ms)     | when first taken (epoch ms)          |
 * | `+3` z | when a window old (epoch ms) | when the lease ends (epoch ms)      |
 * | `+4`   | 0                           | 0                                    |
 *
 * An item counts until its z, exclusively. The items of a limit stand in that order, with those of
 * other limits between them.
 */

/** The numbers of an entry or item: an identity and four more. */
export const ENTRY_SIZE = 5;

/**
 * The next item of a limit from `at` on, where entries begin; -1 when there is none.
 * @param at where an entry begins
 */
function itemFrom(record: readonly number[], { identity }: CellRule, at: number): number {
  for (let entry = at; entry < record.length; entry += ENTRY_SIZE) {
    if (record[entry] === -identity) return entry;
  }
  return -1;
}

/** The first item of a limit whose cell is at `cellAt`: items never stand before their cell. */
export const firstItem = (record: readonly number[], rule: CellRule, cellAt: number): number =>
  itemFrom(record, rule, cellAt - 1 + ENTRY_SIZE);

export const nextItem = (record: readonly number[], rule: CellRule, item: number): number =>
  itemFrom(record, rule, item + ENTRY_SIZE);

/** Adds an item before the entry at `before`, or at the end of the record when that is -1. */
export function insertItem(
  record: number[],
  { identity }: CellRule,
  before: number,
  units: number,
  startMs: number,
  endMs: number,
): void {
  const at = before < 0 ? record.length : before;
  record.splice(at, 0, -identity, units, startMs, endMs, 0);
}

export function removeItem(record: number[], item: number): void {
  record.splice(item, ENTRY_SIZE);
}

/** Whether the item no longer counts. */
const isOver = (record: readonly number[], item: number, nowMs: number): boolean =>
  nowMs >= (record[item + 3] ?? 0);

/** The units of all items that count. */
function unitsOf(record: readonly number[], at: number, rule: CellRule, nowMs: number): number {
  let units = 0;
  for (let item = firstItem(record, rule, at); item >= 0; item = nextItem(record, rule, item)) {
    if (!isOver(record, item, nowMs)) units = saturatingAdd(units, record[item + 1] ?? 0);
  }
  return units;
}

/** Removes the items that no longer count. */
export function dropEnded(record: number[], at: number, rule: CellRule, nowMs: number): void {
  let item = firstItem(record, rule, at);
  while (item >= 0 && isOver(record, item, nowMs)) {
    removeItem(record, item);
    // What followed stands at its place now.
    item = itemFrom(record, rule, item);
  }
}

/**
 * Writes the cell as it is at `nowMs` to `cells[to…]`; only reads the record. The units that are held
 * are not its to tell.
 */
export function summariseItems(
  record: readonly number[],
  at: number,
  rule: CellRule,
  nowMs: number,
  cells: number[],
  to: number,
): void {
  let [startMs, endMs] = [0, 0];
  for (let item = firstItem(record, rule, at); item >= 0; item = nextItem(record, rule, item)) {
    if (isOver(record, item, nowMs)) continue;
    if ((record[item + 2] ?? 0) > startMs) startMs = record[item + 2] ?? 0;
    endMs = record[item + 3] ?? 0;
  }
  cells[to] = unitsOf(record, at, rule, nowMs);
  cells[to + 1] = startMs;
  cells[to + 2] = endMs;
}

/** How long until enough items have ended for `cost` to fit; 0 when it does. Takes `cost <= max`. */
export function itemsWaitMs(
  record: readonly number[],
  at: number,
  rule: CellRule,
  nowMs: number,
  cost: number,
): number {
  if (cost === 0) return 0;
  let excess = saturatingAdd(unitsOf(record, at, rule, nowMs), cost) - rule.max;
  if (excess <= 0) return 0;
  for (let item = firstItem(record, rule, at); item >= 0; item = nextItem(record, rule, item)) {
    if (isOver(record, item, nowMs)) continue;
    excess -= record[item + 1] ?? 0;
    if (excess <= 0) return (record[item + 3] ?? 0) - nowMs;
  }
  return 0;
}
