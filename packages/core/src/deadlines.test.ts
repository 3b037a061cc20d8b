import assert from "node:assert/strict";

import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";

import { Deadlines } from "./deadlines.ts";
import { holds } from "./property.test-support.ts";

describe("deadlines", () => {
  test("come out in order, each once, and none before its time", () => {
    const deadlines = new Deadlines();
    const due = new Map([
      ["b", 20],
      ["a", 10],
      ["c", 30],
    ]);
    for (const [key, ms] of due) deadlines.add(key, ms);
    const dueAt = (key: string): number | undefined => due.get(key);
    expect(deadlines.earliestMs).toBe(10);
    expect(deadlines.take(9, dueAt)).toBeUndefined();
    expect(deadlines.take(25, dueAt)).toBe("a");
    expect(deadlines.take(25, dueAt)).toBe("b");
    expect(deadlines.take(25, dueAt)).toBeUndefined();
    expect(deadlines.size).toBe(1);
    deadlines.clear();
    expect(deadlines.earliestMs).toBe(Number.POSITIVE_INFINITY);
  });

  test("a deadline that moved is corrected, and a key that is gone is dropped", () => {
    const deadlines = new Deadlines();
    deadlines.add("moved", 10);
    deadlines.add("gone", 10);
    deadlines.add("kept", 20);
    const due = new Map([
      ["moved", 50],
      ["kept", 20],
    ]);
    expect(deadlines.take(30, (key) => due.get(key))).toBe("kept");
    expect(deadlines.take(30, (key) => due.get(key))).toBeUndefined();
    expect(deadlines.earliestMs).toBe(50);
    expect(deadlines.take(50, (key) => due.get(key))).toBe("moved");
    expect(deadlines.size).toBe(0);
  });

  test("sort any times like a sort would", () => {
    holds(fc.array(fc.nat({ max: 50 }), { maxLength: 60 }), (times) => {
      const deadlines = new Deadlines();
      for (const [index, ms] of times.entries()) deadlines.add(String(index), ms);
      const taken = times.map(() => Number(deadlines.take(99, (key) => times[Number(key)])));
      assert.deepEqual(
        taken.map((index) => times[index]),
        times.toSorted((a, b) => a - b),
      );
      assert.equal(new Set(taken).size, times.length);
    });
  });
});
