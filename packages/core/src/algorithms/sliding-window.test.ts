import assert from "node:assert/strict";

import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";

import { holds } from "../property.test-support.ts";
import { type CellRule, MAX_INTEGER } from "./cell.ts";
import { fixedRule } from "./rules.test-support.ts";
import {
  advanceSliding,
  chargeSliding,
  creditSliding,
  settleSliding,
  slidingEmptyAtMs,
  slidingUsed,
  slidingWaitMs,
} from "./sliding-window.ts";

const rule: CellRule = {
  ...fixedRule,
  algorithm: "sliding-window",
  max: 10,
  windowMs: 60_000,
};
const coarse: CellRule = { ...rule, tickMs: 1000 };
const forgiving: CellRule = { ...rule, forgivesDebt: true };

describe("a sliding window", () => {
  test.each([
    { cell: [3, 1000, 5, 1], at: 60_999, after: [3, 1000, 5, 1], why: "stays until its last ms" },
    { cell: [3, 1000, 5, 1], at: 61_000, after: [0, 61_000, 3, 1], why: "becomes the one before" },
    { cell: [3, 1000, 5, 1], at: 121_000, after: [0, 0, 0, 1], why: "is forgotten after another" },
    {
      cell: [0, 1000, 5, 0],
      at: 61_000,
      after: [0, 0, 0, 0],
      why: "leaves nothing of an empty one",
    },
    { cell: [0, 0, 0, 0], at: 61_000, after: [0, 0, 0, 0], why: "that was never charged stays so" },
  ])("$why: $cell at $at becomes $after", ({ cell, at, after }) => {
    const cells = [7, ...cell, 7];
    advanceSliding(cells, 1, rule, at);
    expect(cells).toEqual([7, ...after, 7]);
  });

  test("D-WIN-07 rounds the weight of the window before up, never down", () => {
    // 1 in the window before, 9 in this one, 1 s into it: the one before still counts for 0.98.
    const cells = [9, 60_000, 1, 0];
    expect(slidingUsed(cells, 0, rule, 61_000)).toBe(10);
    expect(slidingWaitMs(cells, 0, rule, 61_000, 1)).toBe(59_000);
  });

  test("D-WIN-08 tells the wait that it enforces", () => {
    // 2 before, 9 now, 6 s in.
    const cells = [9, 60_000, 2, 0];
    expect(slidingWaitMs(cells, 0, rule, 66_000, 1)).toBe(54_000);
    expect(slidingWaitMs(cells, 0, rule, 66_000 + 53_999, 1)).toBe(1);
    expect(slidingWaitMs(cells, 0, rule, 66_000 + 54_000, 1)).toBe(0);
  });

  test.each([
    { cell: [10, 0, 0, 0], at: 30_000, cost: 1, wait: 30_000 + 6000, why: "has to roll and fade" },
    {
      cell: [10, 0, 0, 0],
      at: 30_000,
      cost: 10,
      wait: 90_000,
      why: "has to be gone for all of it",
    },
    { cell: [4, 0, 10, 0], at: 30_000, cost: 1, wait: 0, why: "counts half of the one before" },
    { cell: [4, 0, 10, 0], at: 30_000, cost: 2, wait: 6000, why: "waits for it to fade" },
    { cell: [25, 0, 0, 0], at: 30_000, cost: 1, wait: 30_000 + 38_400, why: "fades debt as well" },
    { cell: [25, 0, 0, 0], at: 30_000, cost: 0, wait: 0, why: "has room for nothing" },
  ])("$why: $cell at $at, cost $cost", ({ cell, at, cost, wait }) => {
    expect(slidingWaitMs(cell, 0, rule, at, cost)).toBe(wait);
  });

  test("counts what is covered in whole ticks, rounded up, and tells exact milliseconds", () => {
    const cells = [0, 60_000, 10, 0];
    // 59,001 ms are covered: 60 ticks.
    expect(slidingUsed(cells, 0, coarse, 60_999)).toBe(10);
    expect(slidingUsed(cells, 0, coarse, 61_000)).toBe(10);
    expect(slidingWaitMs(cells, 0, coarse, 60_999, 1)).toBe(66_000 - 60_999);
    expect(slidingUsed(cells, 0, coarse, 66_000)).toBe(9);
  });

  test("lets debt weigh no more than the limit where it is forgiven", () => {
    const cells = [0, 60_000, 40, 0];
    expect(slidingUsed(cells, 0, rule, 60_000)).toBe(40);
    expect(slidingUsed(cells, 0, forgiving, 60_000)).toBe(10);
    expect(slidingWaitMs(cells, 0, forgiving, 60_000, 1)).toBe(6000);
  });

  test("settles in the window of the hold, or in the one before, or else not at all", () => {
    const same = [8, 60_000, 5, 0];
    settleSliding(same, 0, rule, 70_000, -3, 60_000);
    expect(same).toEqual([5, 60_000, 5, 0]);
    const before = [8, 60_000, 5, 0];
    settleSliding(before, 0, rule, 70_000, -3, 0);
    expect(before).toEqual([8, 60_000, 2, 0]);
    const older = [8, 120_000, 5, 0];
    settleSliding(older, 0, rule, 130_000, -3, 0);
    expect(older).toEqual([8, 120_000, 5, 0]);
    settleSliding(older, 0, rule, 130_000, 4, 0);
    expect(older).toEqual([12, 120_000, 5, 0]);
  });

  test("gives credit on this window first, and none beyond what was charged", () => {
    const cells = [3, 60_000, 4, 0];
    creditSliding(cells, 0, 5);
    expect(cells).toEqual([0, 60_000, 2, 0]);
    creditSliding(cells, 0, 5);
    expect(cells).toEqual([0, 60_000, 0, 0]);
  });

  test("stays exact at the largest counts by holding them there", () => {
    const cells = [MAX_INTEGER, 60_000, 0, 0];
    chargeSliding(cells, 0, rule, 60_000, MAX_INTEGER);
    expect(cells[0]).toBe(Math.floor(MAX_INTEGER / 60_000));
    advanceSliding(cells, 0, rule, 120_000);
    expect(Number.isSafeInteger(slidingUsed(cells, 0, rule, 120_001))).toBe(true);
  });

  test("is empty when the last charge counts for nothing", () => {
    expect(slidingEmptyAtMs([1, 60_000, 0, 0], 0, rule)).toBe(180_000);
    expect(slidingEmptyAtMs([0, 60_000, 1, 0], 0, rule)).toBe(120_000);
    expect(slidingEmptyAtMs([0, 0, 0, 0], 0, rule)).toBe(0);
  });
});

/** The rule in rational numbers. */
function usedExactly(
  cell: readonly number[],
  { windowMs, tickMs }: CellRule,
  nowMs: number,
): bigint {
  const [x = 0, y = 0, z = 0] = cell;
  const [window, tick] = [BigInt(windowMs), BigInt(tickMs)];
  const left = BigInt(y) + window - BigInt(nowMs);
  const ticks = (left + tick - 1n) / tick;
  const weighed = BigInt(z) * ticks;
  return BigInt(x) + (weighed + window / tick - 1n) / (window / tick);
}

const anyCell = fc.record({
  x: fc.nat({ max: 40 }),
  z: fc.nat({ max: 40 }),
  max: fc.integer({ min: 1, max: 20 }),
  ticks: fc.integer({ min: 1, max: 500 }),
  tickMs: fc.constantFrom(1, 10, 1000),
  share: fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
  cost: fc.integer({ min: 1, max: 20 }),
  forgivesDebt: fc.boolean(),
});

describe("a sliding window, whatever it holds,", () => {
  test("uses what exact arithmetic says", () => {
    holds(anyCell, ({ x, z, max, ticks, tickMs, share }) => {
      const any = { ...rule, max, tickMs, windowMs: ticks * tickMs };
      const nowMs = 1_000_000 + Math.floor(share * any.windowMs);
      const cell = [x, 1_000_000, z, 0];
      expect(BigInt(slidingUsed(cell, 0, any, nowMs))).toBe(usedExactly(cell, any, nowMs));
    });
  });

  test("admits at the time told and refuses a millisecond earlier", () => {
    holds(anyCell, ({ x, z, max, ticks, tickMs, share, cost, forgivesDebt }) => {
      fc.pre(cost <= max);
      const any = { ...rule, max, tickMs, windowMs: ticks * tickMs, forgivesDebt };
      const nowMs = 1_000_000 + Math.floor(share * any.windowMs);
      const cell = [x, 1_000_000, z, 0];
      const waitMs = slidingWaitMs(cell, 0, any, nowMs, cost);
      const fits = (ms: number): boolean => {
        const later = [...cell];
        // Rolled one window after the other, as time goes on.
        for (let at = 1_000_000; at <= ms; at += any.windowMs) advanceSliding(later, 0, any, at);
        advanceSliding(later, 0, any, ms);
        return slidingUsed(later, 0, any, ms) + cost <= max;
      };
      expect(fits(nowMs + waitMs)).toBe(true);
      assert.ok(waitMs === 0 || !fits(nowMs + waitMs - 1));
      expect(waitMs).toBeLessThanOrEqual(2 * any.windowMs);
    });
  });

  test("says the same of a cell of any age as of one that was brought to now", () => {
    holds(fc.record({ cell: anyCell, laterMs: fc.nat({ max: 200_000 }) }), ({ cell, laterMs }) => {
      const { x, z, max, ticks, tickMs, cost } = cell;
      fc.pre(cost <= max);
      const any = { ...rule, max, tickMs, windowMs: ticks * tickMs };
      const old = [x, 1_000_000, z, 0];
      const fresh = [...old];
      const nowMs = 1_000_000 + laterMs;
      advanceSliding(fresh, 0, any, nowMs);
      expect(slidingWaitMs(fresh, 0, any, nowMs, cost)).toBe(
        slidingWaitMs(old, 0, any, nowMs, cost),
      );
    });
  });
});
