import assert from "node:assert/strict";

import { expect, test } from "@jest/globals";
import fc from "fast-check";

import { holds, parameters } from "../property.test-support.ts";
import { bucket, fixedWindow, settled, SlowStore, slots, stage } from "./stage.test-support.ts";

interface OneCell {
  readonly windows: boolean;
  readonly most: number;
  readonly ms: number;
  readonly calls: readonly {
    readonly subject: string;
    readonly amount: number;
    readonly pauseMs: number;
  }[];
}

/** Calls that all need room for one limit, each so long after the one before. */
const oneCell: fc.Arbitrary<OneCell> = fc.record({
  windows: fc.boolean(),
  most: fc.integer({ min: 1, max: 6 }),
  ms: fc.integer({ min: 1, max: 500 }),
  calls: fc.array(
    fc.record({
      subject: fc.constantFrom("r", "s", "t", "u"),
      amount: fc.integer({ min: 1, max: 6 }),
      pauseMs: fc.constantFrom(0, 0, 0, 1, 40, 300),
    }),
    { minLength: 1, maxLength: 40 },
  ),
});

interface Passage {
  readonly call: number;
  readonly subject: string;
  readonly enteredMs: number;
  readonly admittedMs: number;
}

/** Lets all calls in, which nobody and nothing disturbs. In the order of their admission. */
function letAllIn({ windows, most, ms, calls }: OneCell): {
  readonly passages: readonly Passage[];
  readonly asks: number;
  readonly longestToldMs: number;
} {
  const { clock, enter, admissions, asks, longestToldMs, room, timers } = stage({
    a: windows ? fixedWindow(most, ms) : bucket(most, ms),
  });
  const enteredMs = calls.map(({ subject, amount, pauseMs }, call) => {
    clock.advance(pauseMs);
    void enter(String(call), { subject, cost: { a: Math.min(amount, most) } });
    assert.ok(timers() <= 1);
    return clock.scheduler.now();
  });
  clock.advance(calls.length * most * 500);
  assert.deepEqual([room.size, timers(), admissions.length], [0, 0, calls.length]);
  const passages = admissions.map((admission) => {
    const [call = 0, admittedMs = 0] = admission.split("@").map(Number);
    return {
      call,
      subject: calls[call]?.subject ?? "",
      enteredMs: enteredMs[call] ?? 0,
      admittedMs,
    };
  });
  return { passages, asks: asks(), longestToldMs: longestToldMs() };
}

test("the calls of a subject are admitted in the order they came", () => {
  holds(oneCell, (given) => {
    const { passages } = letAllIn(given);
    for (const subject of ["r", "s", "t", "u"]) {
      const order = passages.filter((passage) => passage.subject === subject);
      assert.deepEqual(
        order.map(({ call }) => call),
        order.map(({ call }) => call).toSorted((a, b) => a - b),
      );
    }
  });
});

test("no call waits for more than one told wait per call before it and one of its own", () => {
  holds(oneCell, (given) => {
    const { passages, longestToldMs } = letAllIn(given);
    for (const [index, { enteredMs, admittedMs, call }] of passages.entries()) {
      const before = passages
        .slice(0, index)
        .filter((other) => other.admittedMs >= enteredMs && other.call !== call).length;
      assert.ok(admittedMs - enteredMs <= (before + 1) * longestToldMs);
    }
  });
});

test("between two admissions of a subject that waits, every other subject has at most one", () => {
  holds(oneCell, (given) => {
    const { passages } = letAllIn(given);
    for (const [index, { subject, enteredMs, admittedMs }] of passages.entries()) {
      // From when it was first of its subject: in its place, or by the admission of the one before.
      const previous = passages.slice(0, index).findLastIndex((other) => other.subject === subject);
      if (enteredMs === admittedMs) continue;
      const between = passages
        .slice(previous + 1, index)
        .filter((other) => other.admittedMs > enteredMs)
        .map((other) => other.subject);
      assert.equal(new Set(between).size, between.length);
    }
  });
});

test("where nobody else spends and all is exact, no call is refused more than once", () => {
  holds(oneCell, (given) => {
    const { asks } = letAllIn(given);
    assert.ok(asks <= 2 * given.calls.length);
  });
});

const amount = fc.integer({ min: 0, max: 3 });
const enterStep = fc.record({
  act: fc.constant("enter" as const),
  subject: fc.constantFrom("r", "s", "t"),
  cost: fc.dictionary(fc.constantFrom("a", "b", "c"), amount, { noNullPrototype: true }),
  priority: fc.constantFrom(0, 0, 0, 1, 2),
  maxWaitMs: fc.constantFrom(0, 10, 300, 5000),
  fails: fc.constantFrom(false, false, false, false, true),
});
const step = fc.oneof(
  { weight: 5, arbitrary: enterStep },
  { weight: 2, arbitrary: fc.record({ act: fc.constant("pass" as const), ms: fc.nat(600) }) },
  { weight: 1, arbitrary: fc.record({ act: fc.constant("abort" as const), which: fc.nat(30) }) },
  { weight: 1, arbitrary: fc.record({ act: fc.constant("giveBack" as const) }) },
  { weight: 1, arbitrary: fc.record({ act: fc.constant("spend" as const), amount }) },
  { weight: 1, arbitrary: fc.record({ act: fc.constant("decide" as const), which: fc.nat(9) }) },
  { weight: 3, arbitrary: fc.record({ act: fc.constant("deliver" as const), which: fc.nat(9) }) },
);
const anything = fc.record({
  slow: fc.boolean(),
  close: fc.boolean(),
  maxPerSubject: fc.constantFrom(2, 100),
  maxWaiting: fc.constantFrom(3, 100),
  steps: fc.array(step, { maxLength: 60 }),
});

test("whatever happens, every call ends, once, and what was charged is told to who is charged", async () => {
  const property = fc.asyncProperty(anything, async ({ slow, close, steps, ...options }) => {
    const store = new SlowStore();
    const { clock, enter, ask, admissions, giveBack, room, timers } = stage(
      { a: fixedWindow(3, 400), b: bucket(3, 150), c: slots(3) },
      options,
    );
    const calls: {
      readonly slots: number;
      readonly leaving: AbortController;
      readonly end: Promise<string>;
    }[] = [];
    let ran = 0;
    const waits: { readonly waitedMs: number; readonly maxWaitMs: number }[] = [];
    const settle = async (): Promise<void> => {
      // Without a slow store everything but the telling happens at once.
      if (slow) await settled();
    };
    // The first admitted call that runs has run.
    const endFirst = (): void => {
      const admission = admissions[ran];
      if (admission === undefined) return;
      ran += 1;
      giveBack("c", calls[Number.parseInt(admission, 10)]?.slots ?? 0);
    };

    for (const given of steps) {
      if (given.act === "enter") {
        const { fails, maxWaitMs, ...call } = given;
        const leaving = new AbortController();
        const { signal } = leaving;
        let answers = 0;
        const waited = enter(String(calls.length), {
          ...call,
          maxWaitMs,
          signal,
          answer: (answer) => {
            answers += 1;
            if (fails && answers === 2) throw new Error("down");
            return slow ? store.answer(answer) : answer();
          },
        });
        const end = waited.then(
          ({ outcome, waitedMs }) => {
            waits.push({ waitedMs, maxWaitMs });
            return outcome;
          },
          () => "rejected",
        );
        calls.push({ slots: call.cost["c"] ?? 0, leaving, end });
      }
      if (given.act === "pass") clock.advance(given.ms);
      if (given.act === "abort") calls[given.which]?.leaving.abort();
      if (given.act === "giveBack") endFirst();
      if (given.act === "spend") ask({ subject: "other", cost: { a: given.amount } });
      if (given.act === "decide") store.decide(given.which);
      if (given.act === "deliver") {
        store.deliver(given.which);
        await settle();
      }
      assert.ok(timers() <= 1);
      assert.ok(room.size <= options.maxWaiting);
    }
    if (close) room.close();
    for (let round = 0; round < 40 || store.size > 0; round += 1) {
      clock.advance(500);
      endFirst();
      store.deliver();
      await settle();
    }
    const outcomes = await Promise.all(calls.map(async ({ end }) => end));
    const admitted = outcomes.filter((outcome) => outcome === "admitted").length;
    assert.equal(admitted, admissions.length);
    const { entered, queued, longestWaitMs, waiting, subjects, ...ends } = room.stats();
    const ended = Object.values(ends).reduce((sum, count) => sum + count, 0);
    expect([waiting, subjects, timers(), entered]).toStrictEqual([0, 0, 0, ended]);
    assert.ok(queued <= entered);
    assert.equal(ends.admitted, admitted);
    if (!slow) for (const { waitedMs, maxWaitMs } of waits) assert.ok(waitedMs <= maxWaitMs);
    assert.ok(slow || longestWaitMs <= 5000);
  });
  await fc.assert(property, parameters(500));
});
