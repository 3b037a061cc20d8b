import type { CellRule } from "./cell.ts";
import { newRecord, openCell, type ScopeRecord } from "./record.ts";

/** Other limits in the same record, so that items do not stand alone in it. */
const neighbours = [900, 901];

/** A record with a limit and neighbours around it, and where the limit's cell is. */
export function recordOf(rule: CellRule, nowMs: number): { record: ScopeRecord; at: number } {
  const [before = 0, after = 0] = neighbours;
  const others = [before, after].map((identity): CellRule => ({
    ...rule,
    algorithm: "fixed-window",
    identity,
  }));
  const [first = rule, last = rule] = others;
  const record = newRecord(nowMs, [first, rule, last]);
  return { record, at: openCell(record, rule, 1, nowMs) };
}

/** The items of the limit, as [units, y, z]. */
export const itemsOf = (record: ScopeRecord, { identity }: CellRule): number[][] => {
  const items: number[][] = [];
  for (let at = 6; at < record.length; at += 5) {
    if (record[at] === -identity) items.push(record.slice(at + 1, at + 4));
  }
  return items;
};
