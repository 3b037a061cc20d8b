import { describe, expect, test } from "@jest/globals";

import type { CellRule } from "./cell.ts";
import {
  agreeOnTime,
  BLOCKED_UNTIL,
  cellAt,
  cellsIn,
  EXPIRES,
  GENERATION,
  HELD_SINCE,
  LEASE_END,
  newRecord,
  noteCharge,
  noteLease,
  noteRefund,
  noteSettled,
  openCell,
  readCell,
  type ScopeRecord,
  tombstone,
  WRITTEN,
} from "./record.ts";
import { fixedRule } from "./rules.test-support.ts";

const window = (identity: number, windowMs: number = 60_000): CellRule => ({
  ...fixedRule,
  identity,
  windowMs,
});
const minute = window(1);
const hour = window(2, 3_600_000);
const bucket: CellRule = {
  ...window(3),
  algorithm: "token-bucket",
  windowMs: 10_000,
  refill: 1,
  scale: 1000,
};

function charged(rules: readonly CellRule[], nowMs: number, amount: number): ScopeRecord {
  const record = newRecord(nowMs, rules);
  for (const [guess, rule] of rules.entries()) {
    const at = openCell(record, rule, guess, nowMs);
    record[at] = (record[at] ?? 0) + amount * rule.scale;
    if (rule.algorithm === "fixed-window") record[at + 1] = nowMs;
    noteCharge(record, at, rule, nowMs);
  }
  record[WRITTEN] = nowMs;
  return record;
}

test("a record in which limits come and go has an end: who was charged longest ago is forgotten", () => {
  const record = newRecord(1000, [minute]);
  for (let identity = 10; identity < 1000; identity += 1) {
    const rule = window(identity);
    const at = openCell(record, rule, 0, 1000 + identity);
    record[at] = 1;
    record[at + 1] = 1000 + identity;
  }
  expect(cellsIn(record)).toBeLessThanOrEqual(256);
  expect(cellAt(record, 999, 0)).toBeGreaterThan(0);
  expect(cellAt(record, 20, 0)).toBe(-1);
});

describe("a record", () => {
  test("finds a cell by its identity, wherever it stands", () => {
    const record = charged([minute, hour, bucket], 1000, 3);
    expect(cellsIn(record)).toBe(3);
    expect(cellAt(record, 2, 1)).toBe(cellAt(record, 2, 0));
    expect(cellAt(record, 2, 7)).toBe(cellAt(record, 2, 1));
    expect(cellAt(record, 9, 0)).toBe(-1);
  });

  test("gains a cell when a limit is new", () => {
    const record = charged([minute], 1000, 3);
    const at = openCell(record, hour, 1, 2000);
    expect(cellsIn(record)).toBe(2);
    expect(record.slice(at, at + 4)).toEqual([0, 0, 0, 0]);
  });

  test("reads what never was as untouched, and nothing held once leases are over", () => {
    const cells: number[] = [];
    readCell(undefined, minute, 0, 1000, cells, 0);
    expect(cells).toEqual([0, 0, 0, 0]);
    const record = charged([minute], 1000, 3);
    noteLease(record, 1000, 1500);
    record[cellAt(record, 1, 0) + 3] = 3;
    readCell(record, minute, 0, 1499, cells, 0);
    expect(cells).toEqual([3, 1000, 0, 3]);
    readCell(record, minute, 0, 1500, cells, 0);
    expect(cells).toEqual([3, 1000, 0, 0]);
  });

  test("lives as long as its longest limit says something, whatever is charged later", () => {
    const record = charged([minute, hour], 1000, 3);
    expect(record[EXPIRES]).toBe(3_601_000);
    const at = cellAt(record, 1, 0);
    noteCharge(record, at, minute, 2000);
    expect(record[EXPIRES]).toBe(3_601_000);
  });

  test("knows until when it refuses, and that a refund ends that", () => {
    const record = charged([minute, bucket], 1000, 10);
    expect(record[BLOCKED_UNTIL]).toBe(61_000);
    record[cellAt(record, 1, 0)] = 9;
    noteRefund(record, [minute, bucket], 1000);
    expect(record[BLOCKED_UNTIL]).toBe(2000);
    record[cellAt(record, 3, 1)] = 9000;
    noteRefund(record, [minute, bucket], 1000);
    expect(record[BLOCKED_UNTIL]).toBeLessThanOrEqual(1000);
  });

  test("counts what is held anew when all leases had ended", () => {
    const record = charged([minute], 1000, 3);
    noteLease(record, 1000, 1500);
    const held = cellAt(record, 1, 0) + 3;
    record[held] = 3;
    noteLease(record, 1499, 1600);
    expect([record[held], record[LEASE_END], record[HELD_SINCE]]).toEqual([3, 1600, 1000]);
    noteLease(record, 1600, 1700);
    expect([record[held], record[LEASE_END], record[HELD_SINCE]]).toEqual([0, 1700, 1600]);
  });

  test("lets go of its lease when the last hold is settled", () => {
    const record = charged([minute], 1000, 3);
    noteLease(record, 1000, 5000);
    const held = cellAt(record, 1, 0) + 3;
    record[held] = 3;
    noteSettled(record, 2000);
    expect(record[LEASE_END]).toBe(5000);
    record[held] = 0;
    noteSettled(record, 2000);
    expect(record[LEASE_END]).toBe(2000);
  });

  test("leaves a mark when it is reset, another one each time", () => {
    const first = tombstone(undefined, 1000, 9000);
    const second = tombstone(first, 1000, 9000);
    expect(first.slice(0, 3)).toEqual([1000, 9000, 0]);
    expect(second[GENERATION]).toBeGreaterThan(first[GENERATION] ?? 0);
    expect(first[GENERATION]).toBeGreaterThan(0);
    expect(cellsIn(second)).toBe(0);
  });
});

const at = (writtenMs: number): ScopeRecord => newRecord(writtenMs, [minute]);

describe("records agree on the time", () => {
  test("it is the clock's, but no earlier than any of them was written", () => {
    expect(agreeOnTime([], 5000)).toBe(5000);
    expect(agreeOnTime([undefined, at(4000)], 5000)).toBe(5000);
    expect(agreeOnTime([at(6000), undefined, at(7000)], 5000)).toBe(7000);
    expect(agreeOnTime([at(65_000)], 5000)).toBe(65_000);
  });

  test("one written more than a minute ahead is pulled back, usage kept", () => {
    const record = charged([minute, bucket], 1_000_000, 4);
    expect(agreeOnTime([record, at(6000)], 5000)).toBe(6000);
    expect(record[WRITTEN]).toBe(5000);
    expect(record[EXPIRES]).toBe(65_000);
    const window = cellAt(record, 1, 0);
    expect(record.slice(window, window + 4)).toEqual([4, 5000, 0, 0]);
    const level = cellAt(record, 3, 1);
    expect(record.slice(level, level + 3)).toEqual([4000, 5000, 1000]);
  });

  test("a window that opened before the clock went wrong keeps its end", () => {
    const record = charged([hour, minute], 5000, 10);
    const second = openCell(record, minute, 1, 500_000);
    record[second] = 2;
    record[second + 1] = 500_000;
    record[WRITTEN] = 500_000;
    agreeOnTime([record], 6000);
    const first = cellAt(record, 2, 0);
    expect(record[first + 1]).toBe(5000);
    expect(record[second + 1]).toBe(6000);
    expect(record[EXPIRES]).toBe(3_605_000);
    expect(record[BLOCKED_UNTIL]).toBe(3_605_000);
  });

  test("a lease from before is no shorter for it, and none is longer than a day", () => {
    const record = charged([minute], 500_000, 4);
    record[LEASE_END] = 300_000;
    agreeOnTime([record], 6000);
    expect(record[LEASE_END]).toBe(300_000);
    record[WRITTEN] = 1e12;
    record[LEASE_END] = 1e12 + 5000;
    agreeOnTime([record], 6000);
    expect(record[LEASE_END]).toBe(6000 + 86_400_000);
  });
});
