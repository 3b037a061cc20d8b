import { describe, expect, test } from "@jest/globals";

import type { CellRule } from "./cell.ts";
import {
  advance,
  charge,
  emptyAtMs,
  forgivenOf,
  NEVER_FITS,
  settle,
  SUSPENDED,
  usedOf,
  waitFor,
} from "./kernel.ts";
import { fixedRule } from "./rules.test-support.ts";

const window = fixedRule;
const bucket: CellRule = {
  ...window,
  algorithm: "token-bucket",
  windowMs: 10_000,
  refill: 1,
  scale: 1000,
};

describe.each([
  { rule: window, name: "window", fullAt: 1100 },
  { rule: bucket, name: "bucket", fullAt: 11_000 },
])("the kernel on a $name", ({ rule, fullAt }) => {
  test("charges what fits, and says when it is as new", () => {
    const cells = [0, 0, 0, 0];
    advance(cells, 0, rule, 1000);
    charge(cells, 0, rule, 1000, 10);
    expect(usedOf(cells, 0, rule, 1000)).toBe(10);
    expect(emptyAtMs(cells, 0, rule)).toBe(fullAt);
    expect(waitFor(cells, 0, rule, 1000, 10)).toBe(fullAt - 1000);
    expect(waitFor(cells, 0, rule, fullAt - 1, 10)).toBe(1);
    expect(waitFor(cells, 0, rule, fullAt, 10)).toBe(0);
  });

  test("asks a cell of any age and leaves it as it is", () => {
    const cells = [14, 1000, 0, 3];
    const before = [...cells];
    for (const now of [1000, 1099, 1100, 1250, 9999]) waitFor(cells, 0, rule, now, 5);
    expect(cells).toEqual(before);
  });

  test("tells a cost that never fits and a suspended limit from a wait", () => {
    const cells = [0, 0, 0, 0];
    expect(waitFor(cells, 0, rule, 1000, 10)).toBe(0);
    expect(waitFor(cells, 0, rule, 1000, 11)).toBe(NEVER_FITS);
    for (const cost of [0, 1, 11]) {
      expect(waitFor(cells, 0, { ...rule, suspended: true }, 1000, cost)).toBe(SUSPENDED);
    }
  });

  test("settles above the limit and back", () => {
    const cells = [0, 0, 0, 0];
    advance(cells, 0, rule, 1000);
    charge(cells, 0, rule, 1000, 8);
    settle(cells, 0, rule, 1000, 6, 1000);
    expect(usedOf(cells, 0, rule, 1000)).toBe(14);
    settle(cells, 0, rule, 1000, -9, 1000);
    expect(usedOf(cells, 0, rule, 1000)).toBe(5);
    expect(waitFor(cells, 0, rule, 1000, 5)).toBe(0);
  });

  test("never answers minus zero", () => {
    const cells = [0, 1000, 1, 0];
    for (const cost of [0, 1, 10]) {
      expect(Object.is(waitFor(cells, 0, rule, 1000, cost), -0)).toBe(false);
    }
  });
});

test("only a window forgives what no further window can repay", () => {
  expect(forgivenOf([25, 1000, 0, 0], 0, window, 25)).toBe(5);
  expect(forgivenOf([25_000, 1000, 1000, 0], 0, bucket, 25)).toBe(0);
});
