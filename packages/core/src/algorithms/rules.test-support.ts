import type { CellRule } from "./cell.ts";

/** A fixed window of 10 per 100 ms; the base of other rules. */
export const fixedRule: CellRule = {
  algorithm: "fixed-window",
  identity: 1,
  max: 10,
  windowMs: 100,
  calendar: undefined,
  tickMs: 1,
  maxEntries: 0,
  refill: 1,
  scale: 1,
  forgivesDebt: false,
  suspended: false,
};
