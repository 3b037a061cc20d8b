/**
 * How far the sliding counter is from an exact log: the figures of `docs/limits.md`. Nothing here is
 * random but by a fixed seed, so anybody gets the same ones.
 *
 *     npm test -- sliding-deviation
 */
import assert from "node:assert/strict";

import { describe, expect, test } from "@jest/globals";

import type { CellRule } from "./cell.ts";
import { itemsWaitMs } from "./items.ts";
import { recordOf } from "./record-of-one.test-support.ts";
import { openCell } from "./record.ts";
import { fixedRule } from "./rules.test-support.ts";
import { chargeLog } from "./sliding-log.ts";
import {
  advanceSliding,
  chargeSliding,
  settleSliding,
  slidingUsed,
  slidingWaitMs,
} from "./sliding-window.ts";

const WINDOW_MS = 60_000;
const START_MS = 1_000_000;

const ruleOf = (max: number, tickMs = 1): CellRule => ({
  ...fixedRule,
  algorithm: "sliding-window",
  max,
  windowMs: WINDOW_MS,
  tickMs,
});

const logRuleOf = (max: number): CellRule => ({
  ...ruleOf(max),
  algorithm: "sliding-log",
  identity: 42,
  maxEntries: 10_000,
});

interface Charge {
  readonly ms: number;
  readonly units: number;
}

/** The reference, by brute force: the units of a list of charges that are less than a window old. */
const inForce = (charges: readonly Charge[], nowMs: number): number =>
  charges.reduce((sum, { ms, units }) => (nowMs < ms + WINDOW_MS ? sum + units : sum), 0);

/** The most units in any stretch of a window. The worst of them ends with a charge. */
function mostInAnyStretch(charges: readonly Charge[]): number {
  let [most, sum, first] = [0, 0, 0];
  for (const { ms, units } of charges) {
    sum += units;
    for (; (charges[first]?.ms ?? ms) + WINDOW_MS <= ms; first += 1) {
      sum -= charges[first]?.units ?? 0;
    }
    most = Math.max(most, sum);
  }
  return most;
}

/** The sliding counter of one subject, and what it has admitted. */
function counter(rule: CellRule) {
  const cells = [0, 0, 0, 0];
  const charges: Charge[] = [];
  const waitMs = (ms: number, units: number): number => slidingWaitMs(cells, 0, rule, ms, units);
  const take = (ms: number, units: number): boolean => {
    if (waitMs(ms, units) > 0) return false;
    advanceSliding(cells, 0, rule, ms);
    chargeSliding(cells, 0, rule, ms, units);
    charges.push({ ms, units });
    return true;
  };
  return {
    charges,
    waitMs,
    take,
    /** Takes all that it admits. */
    takeAll: (ms: number): void => {
      advanceSliding(cells, 0, rule, ms);
      const room = rule.max - slidingUsed(cells, 0, rule, ms);
      if (room <= 0) return;
      assert.ok(room === rule.max || waitMs(ms, room + 1) > 0);
      assert.ok(take(ms, room));
    },
    /** Gives back what was taken first, in the same window. */
    giveBackFirst: (ms: number): void => {
      const [first, ...others] = charges.splice(0);
      if (first === undefined) return;
      settleSliding(cells, 0, rule, ms, -first.units, first.ms);
      charges.push(...others);
    },
  };
}

/** The exact log of one subject. */
function log(rule: CellRule) {
  const { record } = recordOf(rule, START_MS);
  const waitMs = (ms: number, units: number): number =>
    itemsWaitMs(record, openCell(record, rule, 1, ms), rule, ms, units);
  const charge = (ms: number, units: number): void => {
    chargeLog(record, openCell(record, rule, 1, ms), rule, ms, units);
  };
  return { waitMs, charge };
}

/** From 0 to 1, exclusively, the same numbers for the same seed: a xorshift. */
function numbersFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
}

const print = (line: string): void => {
  process.stdout.write(`sliding-deviation: ${line}\n`);
};

const share = (part: number, of: number): string => `${((100 * part) / of).toFixed(2)} %`;

/** Every phase of a window, densest at its end. */
const phases = [
  ...Array.from({ length: 60 }, (_, n) => n * 1000),
  ...Array.from({ length: 100 }, (_, n) => WINDOW_MS - 100 + n),
];

/**
 * One unit opens the window, the rest of it comes in one burst at `phaseMs`, and then everything
 * that is admitted until a window after the burst.
 */
function burstThenAll(rule: CellRule, phaseMs: number, refunded: boolean): number {
  const one = counter(rule);
  one.take(START_MS, 1);
  const burstMs = START_MS + phaseMs;
  one.takeAll(burstMs);
  if (refunded) {
    one.giveBackFirst(burstMs);
    one.takeAll(burstMs);
  }
  for (let ms = burstMs; ms < burstMs + WINDOW_MS; ms += 500) one.takeAll(ms);
  one.takeAll(burstMs + WINDOW_MS - 1);
  return mostInAnyStretch(one.charges);
}

describe("what the sliding counter admits in any stretch of its window", () => {
  test.each([1, 2, 10, 100, 1000])("is less than twice a limit of %d, after any burst", (max) => {
    const worst = (refunded: boolean): number =>
      Math.max(...phases.map((phaseMs) => burstThenAll(ruleOf(max), phaseMs, refunded)));
    const [plain, refunded] = [worst(false), worst(true)];
    const times = (plain / max).toFixed(3);
    print(
      `limit ${String(max)}, burst at the end of a window: at most ${String(plain)} in a window, ` +
        `${times} times the limit; with refunds ${String(refunded)}`,
    );
    expect(plain).toBe(Math.max(1, 2 * max - 2));
    expect(refunded).toBe(2 * max - 1);
  });

  test("is less the coarser its ticks are", () => {
    const most = Math.max(
      ...phases.map((phaseMs) => burstThenAll(ruleOf(1000, 1000), phaseMs, true)),
    );
    print(`limit 1000 in ticks of 1 s: at most ${String(most)} in a window`);
    // What is left of the window before counts for a whole tick, a sixtieth of it, to its end.
    expect(most).toBe(1000 + 1000 - Math.ceil(1000 / 60));
  });

  test("is less than twice the limit in any traffic that was tried", () => {
    const next = numbersFrom(7);
    let most = 0;
    for (let trace = 0; trace < 2000; trace += 1) {
      const one = counter(ruleOf(20));
      for (let [ms, calls] = [START_MS, 0]; calls < 60; calls += 1) {
        // Mostly bursts, with pauses of up to a window and a half between them.
        if (next() < 0.3) ms += Math.floor(next() * 1.5 * WINDOW_MS);
        if (next() < 0.5) one.takeAll(ms);
        else one.take(ms, 1 + Math.floor(next() * 20));
      }
      most = Math.max(most, mostInAnyStretch(one.charges));
    }
    print(`limit 20, random bursts: at most ${String(most)} in a window`);
    expect(most).toBeGreaterThan(20);
    expect(most).toBeLessThan(2 * 20);
  });
});

describe("where the sliding counter refuses and a log would not", () => {
  test("all of the limit can be free, and the wait is longer by up to a window", () => {
    const one = counter(ruleOf(100));
    one.takeAll(START_MS);
    const laterMs = START_MS + WINDOW_MS;
    expect(inForce(one.charges, laterMs)).toBe(0);
    expect(one.waitMs(laterMs, 1)).toBe(WINDOW_MS / 100);
    expect(one.waitMs(laterMs, 100)).toBe(WINDOW_MS);
    expect(one.waitMs(laterMs + WINDOW_MS, 100)).toBe(0);
  });

  test("its wait is never longer by more than a window, whatever was charged", () => {
    const next = numbersFrom(11);
    let longerMs = 0;
    for (let trace = 0; trace < 1000; trace += 1) {
      const [one, exact] = [counter(ruleOf(10)), log(logRuleOf(10))];
      for (let [ms, calls] = [START_MS, 0]; calls < 60; calls += 1) {
        if (next() < 0.5) ms += Math.floor(next() * 0.7 * WINDOW_MS);
        const units = 1 + Math.floor(next() * 10);
        if (one.take(ms, units)) exact.charge(ms, units);
        const asked = 1 + Math.floor(next() * 10);
        longerMs = Math.max(longerMs, one.waitMs(ms, asked) - exact.waitMs(ms, asked));
      }
    }
    print(`limit 10, random bursts: waits longer by at most ${String(longerMs)} ms`);
    expect(longerMs).toBeGreaterThan(WINDOW_MS / 2);
    expect(longerMs).toBeLessThanOrEqual(WINDOW_MS);
  });
});

const WINDOWS = 300;

/** Calls of one unit at random times, `load` times the limit in a window on average, decided twice. */
function compareUnder(max: number, load: number) {
  const next = numbersFrom(max * 1000 + load * 10);
  const one = counter(ruleOf(max));
  // What an exact log says to what the counter has admitted, and what one by itself would admit.
  const [told, alone] = [log(logRuleOf(max)), log(logRuleOf(max))];
  const recent: Charge[] = [];
  const counts = { calls: 0, over: 0, under: 0, farUnder: 0, admitted: 0, byLog: 0, differ: 0 };
  let most = 0;
  for (let exactMs = START_MS; exactMs < START_MS + WINDOWS * WINDOW_MS;) {
    exactMs -= (Math.log(1 - next()) * WINDOW_MS) / (max * load);
    const ms = Math.floor(exactMs);
    while ((recent[0]?.ms ?? ms) + WINDOW_MS <= ms) recent.shift();
    const free = max - recent.length;
    assert.equal(told.waitMs(ms, 1) === 0, free > 0);
    const [admitted, byLog] = [one.take(ms, 1), alone.waitMs(ms, 1) === 0];
    if (byLog) alone.charge(ms, 1);
    if (admitted) {
      told.charge(ms, 1);
      recent.push({ ms, units: 1 });
    }
    counts.calls += 1;
    counts.admitted += Number(admitted);
    counts.byLog += Number(byLog);
    counts.differ += Number(admitted !== byLog);
    counts.over += Number(admitted && free <= 0);
    counts.under += Number(!admitted && free > 0);
    counts.farUnder += Number(!admitted && free > max / 20);
    most = Math.max(most, recent.length);
  }
  return { ...counts, most };
}

describe("under calls of one unit that come at random", () => {
  test.each([0.8, 0.9, 1, 1.1, 1.2, 1.5, 2, 5])(
    "at %d times the limit, what the counter admits is nearly what a log does",
    (load) => {
      const max = 100;
      const { calls, over, under, farUnder, admitted, byLog, differ, most } = compareUnder(
        max,
        load,
      );
      print(
        [
          `limit ${String(max)}, ${String(load)} times as much asked: of ${String(calls)} calls`,
          `${share(over, calls)} admitted where a log of them is full,`,
          `${share(under, calls)} refused where it is not`,
          `(${share(farUnder, calls)} where more than 5 % is free);`,
          `at most ${String(most)} in a window;`,
          `${share(admitted, byLog)} of what a log by itself admits,`,
          `which decides ${share(differ, calls)} otherwise`,
        ].join(" "),
      );
      expect(over / calls).toBeLessThan(0.14);
      expect(farUnder / calls).toBeLessThan(0.01);
      expect(Math.abs(admitted / byLog - 1)).toBeLessThan(0.015);
      expect(most).toBeLessThanOrEqual(1.15 * max);
    },
  );
});
