import assert from "node:assert/strict";

import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";

import { holds } from "../property.test-support.ts";
import type { CellRule } from "./cell.ts";
import { itemsWaitMs, summariseItems } from "./items.ts";
import { itemsOf, recordOf } from "./record-of-one.test-support.ts";
import { openCell } from "./record.ts";
import { fixedRule } from "./rules.test-support.ts";
import { advanceLog, chargeLog, creditLog, settleLog } from "./sliding-log.ts";

const rule: CellRule = {
  ...fixedRule,
  algorithm: "sliding-log",
  identity: 42,
  max: 10,
  windowMs: 1000,
  maxEntries: 100,
};

function logOf(charges: readonly (readonly [ms: number, units: number])[], of: CellRule = rule) {
  const { record } = recordOf(of, charges[0]?.[0] ?? 0);
  for (const [ms, units] of charges) {
    const at = openCell(record, of, 1, ms);
    chargeLog(record, at, of, ms, units);
  }
  return { record, at: openCell(record, of, 1, charges.at(-1)?.[0] ?? 0) };
}

describe("a sliding log", () => {
  test("counts every charge until it is a window old, exclusively", () => {
    const { record, at } = logOf([
      [5000, 4],
      [5600, 6],
    ]);
    expect(itemsWaitMs(record, at, rule, 5700, 1)).toBe(300);
    expect(itemsWaitMs(record, at, rule, 5999, 1)).toBe(1);
    expect(itemsWaitMs(record, at, rule, 6000, 4)).toBe(0);
    expect(itemsWaitMs(record, at, rule, 6000, 5)).toBe(600);
    expect(itemsWaitMs(record, at, rule, 6599, 10)).toBe(1);
    expect(itemsWaitMs(record, at, rule, 6600, 10)).toBe(0);
  });

  test("asks without changing anything, and forgets when it is brought to now", () => {
    const { record, at } = logOf([
      [5000, 4],
      [5600, 6],
    ]);
    const before = [...record];
    const cells = [0, 0, 0, 0];
    summariseItems(record, at, rule, 6100, cells, 0);
    expect(cells).toEqual([6, 5600, 6600, 0]);
    expect(record).toEqual(before);
    advanceLog(record, at, rule, 6100);
    expect(itemsOf(record, rule)).toEqual([[6, 5600, 6600]]);
    expect(record.slice(at, at + 3)).toEqual([6, 5600, 6600]);
  });

  test("keeps one entry for the charges of one millisecond", () => {
    const { record } = logOf([
      [5000, 1],
      [5000, 2],
      [5001, 3],
    ]);
    expect(itemsOf(record, rule)).toEqual([
      [3, 5000, 6000],
      [3, 5001, 6001],
    ]);
  });

  test("makes one of the two that lie closest when there are too many, at the later time", () => {
    const few = { ...rule, maxEntries: 3 };
    const { record } = logOf(
      [
        [5000, 1],
        [5400, 2],
        [5410, 3],
        [5900, 4],
      ],
      few,
    );
    expect(itemsOf(record, few)).toEqual([
      [1, 5000, 6000],
      [5, 5410, 6410],
      [4, 5900, 6900],
    ]);
  });

  test("with too many charges goes on forgetting the oldest, however steadily they come", () => {
    const few = { ...rule, max: 1_000_000, maxEntries: 10 };
    const { record } = recordOf(few, 5000);
    for (let ms = 5000; ms < 9000; ms += 20) {
      chargeLog(record, openCell(record, few, 1, ms), few, ms, 1);
    }
    const at = openCell(record, few, 1, 9000);
    // 49 of them are less than a window old; of what was merged some counts for longer.
    expect(record[at]).toBeGreaterThanOrEqual(49);
    expect(record[at]).toBeLessThanOrEqual(75);
  });

  test("gives back what the hold was charged, also when it was merged, and nothing that is over", () => {
    const { record, at } = logOf([
      [5000, 4],
      [5600, 6],
    ]);
    settleLog(record, at, rule, 5700, -3, 5000);
    expect(itemsOf(record, rule)).toEqual([
      [1, 5000, 6000],
      [6, 5600, 6600],
    ]);
    // Merged into the next later one.
    settleLog(record, at, rule, 5700, -2, 5300);
    expect(itemsOf(record, rule)).toEqual([
      [1, 5000, 6000],
      [4, 5600, 6600],
    ]);
    advanceLog(record, at, rule, 6100);
    settleLog(record, at, rule, 6100, -4, 5000);
    expect(itemsOf(record, rule)).toContainEqual([4, 5600, 6600]);
    settleLog(record, at, rule, 6100, 7, 5000);
    expect(itemsOf(record, rule)).toContainEqual([7, 6100, 7100]);
  });

  test("gives credit on the oldest charges first", () => {
    const { record, at } = logOf([
      [5000, 4],
      [5600, 6],
    ]);
    creditLog(record, at, rule, 5700, 5);
    expect(itemsOf(record, rule)).toEqual([[5, 5600, 6600]]);
    creditLog(record, at, rule, 5700, 99);
    expect(itemsOf(record, rule)).toEqual([]);
    expect(record.slice(at, at + 4)).toEqual([0, 0, 0, 0]);
  });
});

const history = fc.array(
  fc.record({ afterMs: fc.nat({ max: 400 }), cost: fc.integer({ min: 1, max: 10 }) }),
  { maxLength: 40 },
);

/** Charges what fits and returns what was charged, with the times. */
function admit(of: CellRule, calls: typeof history extends fc.Arbitrary<infer T> ? T : never) {
  const { record } = recordOf(of, 5000);
  const charged: (readonly [ms: number, units: number])[] = [];
  let nowMs = 5000;
  for (const { afterMs, cost } of calls) {
    nowMs += afterMs;
    const at = openCell(record, of, 1, nowMs);
    if (itemsWaitMs(record, at, of, nowMs, cost) > 0) continue;
    chargeLog(record, at, of, nowMs, cost);
    charged.push([nowMs, cost]);
  }
  return { record, charged, nowMs };
}

const inForce = (
  charged: readonly (readonly [ms: number, units: number])[],
  nowMs: number,
  { windowMs }: CellRule,
): number => charged.reduce((sum, [ms, units]) => (nowMs < ms + windowMs ? sum + units : sum), 0);

describe("a sliding log, whatever it is charged,", () => {
  test("admits exactly what a list of all charges would", () => {
    holds(fc.record({ calls: history, cost: fc.integer({ min: 1, max: 10 }) }), (given) => {
      const { record, charged, nowMs } = admit(rule, given.calls);
      const at = openCell(record, rule, 1, nowMs);
      const waitMs = itemsWaitMs(record, at, rule, nowMs, given.cost);
      const fits = (ms: number): boolean => inForce(charged, ms, rule) + given.cost <= rule.max;
      expect(fits(nowMs + waitMs)).toBe(true);
      assert.ok(waitMs === 0 || !fits(nowMs + waitMs - 1));
      expect(record[at]).toBe(inForce(charged, nowMs, rule));
    });
  });

  test("never exceeds its limit in any stretch of its window, however few entries it may have", () => {
    holds(fc.record({ calls: history, maxEntries: fc.integer({ min: 1, max: 5 }) }), (given) => {
      const few = { ...rule, maxEntries: given.maxEntries };
      const { record, charged } = admit(few, given.calls);
      expect(itemsOf(record, few).length).toBeLessThanOrEqual(few.maxEntries);
      for (const [ms] of charged) {
        const until = charged.filter(([other]) => other <= ms);
        expect(inForce(until, ms, few)).toBeLessThanOrEqual(few.max);
      }
    });
  });
});
