import { describe, expect, test } from "@jest/globals";

import { type CellRule, MAX_INTEGER } from "./cell.ts";
import { fixedRule } from "./rules.test-support.ts";
import {
  advanceBucket,
  bucketFullAtMs,
  bucketUsed,
  bucketWaitMs,
  chargeBucket,
  settleBucket,
} from "./token-bucket.ts";

/** 3 per second, 5 at most: 3/1000 per millisecond. */
const rule: CellRule = {
  ...fixedRule,
  algorithm: "token-bucket",
  max: 5,
  windowMs: 1667,
  refill: 3,
  scale: 1000,
};

describe("a token bucket", () => {
  test.each([
    { cell: [0, 0, 0, 0], at: 1000, after: [0, 1000, 1000, 0], why: "starts full" },
    { cell: [5000, 1000, 1000, 2], at: 1000, after: [5000, 1000, 1000, 2], why: "needs time" },
    { cell: [5000, 1000, 1000, 2], at: 1001, after: [4997, 1001, 1000, 2], why: "refills" },
    { cell: [5000, 1000, 1000, 0], at: 2666, after: [2, 2666, 1000, 0], why: "keeps fractions" },
    { cell: [5000, 1000, 1000, 0], at: 2667, after: [0, 2667, 1000, 0], why: "stops when full" },
    { cell: [5000, 0, 1000, 0], at: 9e15, after: [0, 9e15, 1000, 0], why: "survives long gaps" },
    { cell: [150, 1000, 100, 0], at: 1000, after: [2000, 1000, 1000, 0], why: "rescales upwards" },
  ])("$why: $cell at $at becomes $after", ({ cell, at, after }) => {
    const cells = [9, ...cell, 9];
    advanceBucket(cells, 1, rule, at);
    expect(cells).toEqual([9, ...after, 9]);
  });

  test.each([
    { missing: 0, cost: 5, wait: 0 },
    { missing: 1, cost: 5, wait: 1 },
    { missing: 3, cost: 5, wait: 1 },
    { missing: 4, cost: 5, wait: 2 },
    { missing: 5000, cost: 0, wait: 0 },
    { missing: 5000, cost: 1, wait: 334 },
    { missing: 5000, cost: 5, wait: 1667 },
    { missing: 9000, cost: 1, wait: 1667 },
    { missing: 9000, cost: 0, wait: 0 },
    { missing: 4000, cost: 1, wait: 0 },
  ])("with $missing thousandths missing a cost of $cost waits $wait ms", (given) => {
    expect(bucketWaitMs([given.missing, 1000, 1000, 0], 0, rule, 1000, given.cost)).toBe(
      given.wait,
    );
  });

  test("counts a begun unit as spent", () => {
    const used = [0, 1, 1000, 1001].map((missing) => bucketUsed([missing, 0, 1000, 0], 0, rule));
    expect(used).toEqual([0, 1, 1, 2]);
  });

  test.each([
    { missing: 2000, delta: 4, after: 6000 },
    { missing: 2000, delta: -1, after: 1000 },
    { missing: 2000, delta: -4, after: 0 },
  ])("with $missing missing, booking $delta leaves $after missing", ({ missing, delta, after }) => {
    const cells = [missing, 1000, 1000, 0];
    settleBucket(cells, 0, rule, delta);
    expect(cells[0]).toBe(after);
  });

  test("is empty and no more after an overrun whose debt is forgiven", () => {
    const cells = [2000, 1000, 1000, 0];
    settleBucket(cells, 0, { ...rule, forgivesDebt: true }, 40);
    expect(cells[0]).toBe(5000);
  });

  test("is full when the last fraction has flowed back", () => {
    expect(bucketFullAtMs([5000, 1000, 1000, 0], 0, rule)).toBe(2667);
    expect(bucketFullAtMs([0, 1000, 1000, 0], 0, rule)).toBe(1000);
  });

  test("saturates instead of losing digits", () => {
    const cells = [5000, 1_800_000_000_000, 1000, 0];
    chargeBucket(cells, 0, rule, MAX_INTEGER);
    expect(cells[0]).toBe(MAX_INTEGER);
    const slow: CellRule = { ...rule, refill: 1 };
    expect(bucketFullAtMs(cells, 0, slow)).toBe(MAX_INTEGER);
  });
});
