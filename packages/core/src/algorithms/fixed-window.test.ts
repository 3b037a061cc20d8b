import { describe, expect, test } from "@jest/globals";

import { type CellRule, MAX_INTEGER } from "./cell.ts";
import {
  advanceWindow,
  chargeWindow,
  settleWindow,
  windowEmptyAtMs,
  windowEnded,
  windowForgiven,
  windowUsed,
  windowWaitMs,
} from "./fixed-window.ts";
import { fixedRule } from "./rules.test-support.ts";

const rule = fixedRule;
const forgiving: CellRule = { ...rule, forgivesDebt: true };

describe("a fixed window", () => {
  test.each([
    { cell: [3, 1000, 0, 1], at: 1099, after: [3, 1000, 0, 1], why: "stays until its last ms" },
    { cell: [3, 1000, 0, 1], at: 1100, after: [0, 0, 0, 0], why: "is empty at its end" },
    { cell: [14, 1000, 0, 2], at: 1100, after: [0, 1100, 4, 0], why: "hands debt to the next" },
    { cell: [14, 1000, 0, 2], at: 1199, after: [0, 1100, 4, 0], why: "keeps debt one window" },
    { cell: [14, 1000, 0, 2], at: 1200, after: [0, 0, 0, 0], why: "ends debt after that" },
    { cell: [99, 1000, 0, 0], at: 1100, after: [0, 1100, 89, 0], why: "carries debt uncapped" },
    { cell: [99, 1000, 0, 0], at: 1200, after: [0, 0, 0, 0], why: "forgives what is left of it" },
    { cell: [4, 1000, 89, 0], at: 1100, after: [0, 1100, 4, 0], why: "counts x on full debt" },
    { cell: [4, 1000, 3, 0], at: 1100, after: [0, 0, 0, 0], why: "owes nothing within the limit" },
    { cell: [99, 1000, 0, 0], at: 99_999, after: [0, 0, 0, 0], why: "rolls through any gap" },
    { cell: [0, 0, 0, 0], at: 50, after: [0, 0, 0, 0], why: "that was never charged stays so" },
  ])("$why: $cell at $at becomes $after", ({ cell, at, after }) => {
    const cells = [7, ...cell, 7];
    advanceWindow(cells, 1, rule, at);
    expect(cells).toEqual([7, ...after, 7]);
  });

  test("forgets debt at its end where that is forgiven", () => {
    const cells = [14, 1000, 0, 0];
    advanceWindow(cells, 0, forgiving, 1100);
    expect(cells).toEqual([0, 0, 0, 0]);
  });

  test.each([
    { cell: [10, 1000, 0, 0], cost: 0, wait: 0 },
    { cell: [9, 1000, 0, 0], cost: 1, wait: 0 },
    { cell: [9, 1000, 0, 0], cost: 2, wait: 60 },
    { cell: [10, 1000, 0, 0], cost: 10, wait: 60 },
    { cell: [13, 1000, 0, 0], cost: 7, wait: 60 },
    { cell: [13, 1000, 0, 0], cost: 8, wait: 160 },
    { cell: [0, 1000, 4, 0], cost: 6, wait: 0 },
    { cell: [0, 1000, 4, 0], cost: 7, wait: 60 },
    { cell: [0, 1000, 500, 0], cost: 1, wait: 60 },
    { cell: [1, 1000, 500, 0], cost: 10, wait: 160 },
  ])("$cell makes a cost of $cost wait $wait ms at 1040", ({ cell, cost, wait }) => {
    expect(windowWaitMs(cell, 0, rule, 1040, cost)).toBe(wait);
  });

  test("opens at the first charge and again once nothing is in it", () => {
    const cells = [0, 0, 0, 0];
    chargeWindow(cells, 0, 1000, 4);
    chargeWindow(cells, 0, 1050, 4);
    expect(cells).toEqual([8, 1000, 0, 0]);
    settleWindow(cells, 0, rule, 1060, -8, 1000);
    chargeWindow(cells, 0, 1070, 1);
    expect(cells).toEqual([1, 1070, 0, 0]);
  });

  test.each([
    { cell: [8, 1000, 0, 0], delta: -3, start: 1000, after: [5, 1000, 0, 0], why: "its window" },
    { cell: [8, 1000, 0, 0], delta: 3, start: 1000, after: [11, 1000, 0, 0], why: "its window" },
    { cell: [8, 1000, 6, 0], delta: -4, start: 900, after: [8, 1000, 2, 0], why: "the one before" },
    { cell: [8, 1000, 6, 0], delta: -9, start: 900, after: [8, 1000, 0, 0], why: "the one before" },
    { cell: [8, 1000, 6, 0], delta: 4, start: 900, after: [12, 1000, 6, 0], why: "the one before" },
    { cell: [8, 1000, 6, 0], delta: -4, start: 899, after: [8, 1000, 6, 0], why: "one long gone" },
    { cell: [8, 1000, 6, 0], delta: 4, start: 899, after: [12, 1000, 6, 0], why: "one long gone" },
    { cell: [0, 0, 0, 0], delta: 4, start: 899, after: [4, 1040, 0, 0], why: "one long gone" },
  ])("books $delta for a hold in $why: $cell becomes $after", ({ cell, delta, start, after }) => {
    const cells = [...cell];
    settleWindow(cells, 0, rule, 1040, delta, start);
    expect(cells).toEqual(after);
  });

  test.each([
    { cell: [0, 0, 0, 0], empty: 0 },
    { cell: [10, 1000, 0, 0], empty: 1100 },
    { cell: [11, 1000, 0, 0], empty: 1200 },
    { cell: [0, 1000, 4, 0], empty: 1100 },
    { cell: [7, 1000, 4, 0], empty: 1200 },
  ])("$cell is empty at $empty", ({ cell, empty }) => {
    expect(windowEmptyAtMs(cell, 0, rule)).toBe(empty);
  });

  test.each([
    { cell: [20, 1000, 0, 0], delta: 20, forgiven: 0 },
    { cell: [25, 1000, 0, 0], delta: 25, forgiven: 5 },
    { cell: [25, 1000, 0, 0], delta: 3, forgiven: 3 },
    { cell: [15, 1000, 30, 0], delta: 15, forgiven: 5 },
    { cell: [25, 1000, 0, 0], delta: -3, forgiven: 0 },
  ])("of $delta booked to $cell, $forgiven can never be repaid", ({ cell, delta, forgiven }) => {
    expect(windowForgiven(cell, 0, rule, delta)).toBe(forgiven);
  });

  test("has nothing repaid where debt is forgiven", () => {
    expect(windowForgiven([25, 1000, 0, 0], 0, forgiving, 25)).toBe(15);
  });

  test("saturates instead of losing digits", () => {
    const cells = [MAX_INTEGER - 1, 1000, MAX_INTEGER, 0];
    chargeWindow(cells, 0, 1040, 5);
    expect(cells[0]).toBe(MAX_INTEGER);
    expect(windowUsed(cells, 0, rule)).toBe(MAX_INTEGER);
    expect(windowEnded(cells, 0, rule, 1040)).toBe(false);
  });
});
