import assert from "node:assert/strict";

import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";

import { holds } from "../property.test-support.ts";
import type { CellRule } from "./cell.ts";
import { itemsWaitMs } from "./items.ts";
import { itemsOf, recordOf } from "./record-of-one.test-support.ts";
import { openCell } from "./record.ts";
import { fixedRule } from "./rules.test-support.ts";
import { advanceSlots, summariseSlots, takeSlots, vacateSlots } from "./slots.ts";

const rule: CellRule = {
  ...fixedRule,
  algorithm: "slots",
  identity: 42,
  max: 3,
  windowMs: 0,
};

describe("slots", () => {
  test("are taken until they are vacated, or their lease ends, exclusively", () => {
    const { record, at } = recordOf(rule, 1000);
    takeSlots(record, at, rule, 1000, 1, 1500);
    takeSlots(record, at, rule, 1000, 2, 1400);
    expect(itemsWaitMs(record, at, rule, 1399, 1)).toBe(1);
    expect(itemsWaitMs(record, at, rule, 1400, 2)).toBe(0);
    expect(itemsWaitMs(record, at, rule, 1400, 3)).toBe(100);
    vacateSlots(record, at, rule, 1400, 1, 1500);
    expect(itemsWaitMs(record, at, rule, 1400, 3)).toBe(0);
  });

  test("are kept in the order in which their leases end, those that end together as one", () => {
    const { record, at } = recordOf(rule, 1000);
    for (const endMs of [1500, 1300, 1400, 1300]) takeSlots(record, at, rule, 1000, 1, endMs);
    expect(itemsOf(record, rule)).toEqual([
      [2, 1000, 1300],
      [1, 1000, 1400],
      [1, 1000, 1500],
    ]);
    expect(record.slice(at, at + 4)).toEqual([4, 1000, 1500, 4]);
    advanceSlots(record, at, rule, 1300);
    expect(record.slice(at, at + 4)).toEqual([2, 1000, 1500, 2]);
  });

  test("are looked at without being changed", () => {
    const { record, at } = recordOf(rule, 1000);
    takeSlots(record, at, rule, 1000, 2, 1300);
    const before = [...record];
    const cells = [0, 0, 0, 0];
    summariseSlots(record, at, rule, 1300, cells, 0);
    expect(cells).toEqual([0, 0, 0, 0]);
    expect(record).toEqual(before);
  });

  test("of a lease that has ended are not vacated again", () => {
    const { record, at } = recordOf(rule, 1000);
    takeSlots(record, at, rule, 1000, 1, 1300);
    takeSlots(record, at, rule, 1000, 1, 1400);
    advanceSlots(record, at, rule, 1350);
    vacateSlots(record, at, rule, 1350, 1, 1300);
    expect(record[at]).toBe(1);
  });

  test("D-RES-15 follow a list of holders, whatever happens to them", () => {
    const step = fc.oneof(
      fc.record({
        kind: fc.constant("take" as const),
        weight: fc.integer({ min: 1, max: 3 }),
        leaseMs: fc.integer({ min: 1, max: 300 }),
      }),
      fc.record({ kind: fc.constant("vacate" as const), which: fc.nat() }),
      fc.record({
        kind: fc.constant("extend" as const),
        which: fc.nat(),
        byMs: fc.nat({ max: 300 }),
      }),
      fc.record({ kind: fc.constant("wait" as const), ms: fc.nat({ max: 150 }) }),
    );
    holds(fc.array(step, { maxLength: 60 }), (steps) => {
      const { record } = recordOf(rule, 1000);
      let holders: { weight: number; endMs: number }[] = [];
      let nowMs = 1000;
      for (const step of steps) {
        if (step.kind === "wait") nowMs += step.ms;
        holders = holders.filter(({ endMs }) => nowMs < endMs);
        const at = openCell(record, rule, 1, nowMs);
        const taken = holders.reduce((sum, { weight }) => sum + weight, 0);
        assert.equal(record[at], taken);
        if (step.kind === "take") {
          const waitMs = itemsWaitMs(record, at, rule, nowMs, step.weight);
          assert.equal(waitMs === 0, taken + step.weight <= rule.max);
          // Told is when enough leases have ended, and no earlier.
          const left = (ms: number): number =>
            holders.reduce((sum, { weight, endMs }) => (ms < endMs ? sum + weight : sum), 0);
          assert.ok(left(nowMs + waitMs) + step.weight <= rule.max);
          if (waitMs > 0) {
            assert.ok(left(nowMs + waitMs - 1) + step.weight > rule.max);
            continue;
          }
          takeSlots(record, at, rule, nowMs, step.weight, nowMs + step.leaseMs);
          holders.push({ weight: step.weight, endMs: nowMs + step.leaseMs });
        }
        if (step.kind !== "vacate" && step.kind !== "extend") continue;
        const chosen = holders[step.which % Math.max(1, holders.length)];
        if (chosen === undefined) continue;
        vacateSlots(record, at, rule, nowMs, chosen.weight, chosen.endMs);
        if (step.kind === "vacate") holders.splice(holders.indexOf(chosen), 1);
        else {
          chosen.endMs += step.byMs;
          takeSlots(record, at, rule, nowMs, chosen.weight, chosen.endMs);
        }
      }
    });
  });
});
