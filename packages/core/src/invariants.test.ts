import assert from "node:assert/strict";

import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";

import type { Cost } from "./cost.ts";
import { isTollgateError } from "./errors.ts";
import type { LimiterEvent } from "./events.ts";
import { encodeKey } from "./keys.ts";
import type { Limiter } from "./limiter.ts";
import { createLimiter } from "./limiter/create-limiter.ts";
import { memoryStore } from "./memory-store.ts";
import type { LimitInput } from "./policy/limit-input.ts";
import { parseLimits } from "./policy/limit.ts";
import { compilePlan } from "./policy/plan.ts";
import { holds, parameters } from "./property.test-support.ts";
import type { Operation, Store } from "./store.ts";
import { type ManualClock, manualClock } from "./testing/manual-clock.ts";
import { cost, inputOf, policy, subjects } from "./timelines.test-support.ts";
import type { Usage } from "./usage.ts";

interface Stage {
  readonly clock: ManualClock;
  readonly limiter: Limiter<"sync">;
}

function stage(limits: readonly LimitInput[]): Stage {
  const clock = manualClock();
  // Small bounds, because a store sets its tables aside when it is made.
  const store = memoryStore({ clock: clock.now, maxKeys: 100, maxReservations: 100 });
  return { clock, limiter: createLimiter({ limits, store }) };
}

/** What anybody has used of anything. */
const everything = (limiter: Limiter<"sync">): readonly (readonly Usage[])[] =>
  subjects.map((subject) => limiter.usage({ ...subject }));

/** Some usage to start from: each entry charges one of the subjects after some time. */
const past = fc.array(
  fc.record({ who: fc.nat({ max: 2 }), cost, afterMs: fc.nat({ max: 2000 }), force: fc.boolean() }),
  { maxLength: 12 },
);

type Past = typeof past extends fc.Arbitrary<infer T> ? T : never;

function live({ clock, limiter }: Stage, history: Past): void {
  for (const { who, cost, afterMs, force } of history) {
    clock.advance(afterMs);
    const subject = { ...subjects[who] };
    if (force) limiter.record(subject, cost);
    else limiter.checkAndRecord(subject, cost);
  }
}

// Without shadow limits, which have invariant 11 to themselves.
const limits = policy.map((models) => models.map((model) => inputOf({ ...model, shadow: false })));
const window = (
  limit: number,
  window: `${number}${"ms" | "d"}` | "minute" = "minute",
): LimitInput => ({
  type: "count",
  window,
  limit,
});
const windowMsIn = (limit: LimitInput): number =>
  "window" in limit ? Number.parseInt(limit.window, 10) : Number.NaN;
const maxOf = (limit: LimitInput): number => ("rate" in limit ? limit.capacity : limit.limit);

const units = fc.integer({ min: 1, max: 1000 });
const lengths = fc.integer({ min: 1, max: 100_000 });
const rates = fc
  .record({
    rate: fc.integer({ min: 1, max: 50_000_000 }),
    capacity: fc.integer({ min: 50, max: 1000 }),
  })
  .map(({ rate, capacity }): LimitInput => ({ type: "count", rate: rate / 1e6, capacity }));
const windows = fc
  .record({
    limit: units,
    ms: lengths,
    algorithm: fc.constantFrom("fixed" as const, "sliding" as const, "sliding-log" as const),
  })
  .map(({ limit, ms, algorithm }): LimitInput => ({
    type: "count",
    window: `${ms}ms`,
    limit,
    algorithm,
  }));
const oneLimit = fc.oneof(rates, windows);

/** A subject by its ids alone. */
const nameOf = ({ tenant, user }: { tenant: string | undefined; user: string }): string =>
  JSON.stringify([tenant ?? null, user]);

const isFull = (error: unknown): boolean =>
  isTollgateError(error) &&
  error.code === "STORE_FAILED" &&
  isTollgateError(error.cause) &&
  error.cause.code === "RESERVATIONS_FULL";

/** A store of which every method fails alike. */
const failing = (fail: () => never | Promise<never>): Store => ({
  synchronous: false,
  apply: fail,
  settle: fail,
  renew: fail,
  forget: fail,
  sweep: fail,
  reservations: fail,
  close: () => undefined,
});

describe("the invariants of the design hold on the memory store", () => {
  test("invariant 1: a call that is not admitted changes no cell of any subject", () => {
    holds(fc.record({ limits, past, who: fc.nat({ max: 2 }), cost }), (given) => {
      const on = stage(given.limits);
      live(on, given.past);
      const subject = { ...subjects[given.who] };
      const before = everything(on.limiter);
      for (const call of [on.limiter.checkAndRecord, on.limiter.reserve]) {
        const decision = call(subject, given.cost);
        if (decision.allowed) return;
        assert.deepEqual(everything(on.limiter), before);
        assert.equal(decision.reservation, undefined);
      }
    });
  });

  test("invariant 1: an admitted call is charged by every limit it names, once", () => {
    holds(fc.record({ limits, past, who: fc.nat({ max: 2 }), cost }), (given) => {
      const { clock, limiter } = stage(given.limits);
      live({ clock, limiter }, given.past);
      const subject = { ...subjects[given.who] };
      const before = limiter.usage(subject);
      const { allowed, usages } = limiter.checkAndRecord(subject, given.cost);
      if (!allowed) return;
      for (const [index, usage] of usages.entries()) {
        const expected = (before[index]?.current ?? 0) + (given.cost[usage.type] ?? 0);
        assert.equal(usage.current, expected);
      }
    });
  });

  test("invariant 2: of N simultaneous calls against room for K exactly K are admitted", async () => {
    const given = fc.record({
      room: fc.integer({ min: 1, max: 60 }),
      each: fc.integer({ min: 1, max: 5 }),
      calls: fc.integer({ min: 1, max: 40 }),
      held: fc.boolean(),
    });
    const property = fc.asyncProperty(given, async ({ room, each, calls, held }) => {
      const { limiter } = stage([window(room), { ...window(10_000), scope: "global" }]);
      const decisions = await Promise.all(
        Array.from({ length: calls }, async () => {
          await Promise.resolve();
          return held
            ? limiter.reserve("alice", { count: each })
            : limiter.checkAndRecord("alice", { count: each });
        }),
      );
      const admitted = decisions.filter(({ allowed }) => allowed).length;
      expect(admitted).toBe(each > room ? 0 : Math.min(calls, Math.floor(room / each)));
      for (const { current } of limiter.usage("alice")) expect(current).toBe(admitted * each);
    });
    await fc.assert(property, parameters());
  });

  test("invariant 2: a batch decides like its operations one after the other", () => {
    const operations = fc.array(
      fc.record({ mode: fc.constantFrom("check", "take", "force"), amount: fc.nat({ max: 9 }) }),
      { minLength: 1, maxLength: 8 },
    );
    holds(fc.record({ limit: oneLimit, operations }), ({ limit, operations }) => {
      const plan = compilePlan("batch", parseLimits([limit], "limits", "caller"));
      const store = memoryStore({ clock: manualClock().now, maxKeys: 10, maxReservations: 10 });
      const address = { plan, tenant: undefined };
      const [first, ...others] = operations.map(({ mode, amount }): Operation => ({
        mode,
        amounts: [amount],
      }));
      if (first === undefined) return;
      const together = store.apply({ ...address, ids: ["a"], operations: [first, ...others] });
      const apart = [first, ...others].flatMap((operation) =>
        store.apply({ ...address, ids: ["b"], operations: [operation] }),
      );
      const seen = (reply: (typeof together)[number]): unknown => [
        reply.outcome,
        reply.waitsMs,
        reply.cells,
      ];
      assert.deepEqual(together.map(seen), apart.map(seen));
    });
  });

  test("invariant 2: used is carried debt, what is settled and what is held", () => {
    const calls = fc.array(
      fc.record({
        held: fc.integer({ min: 1, max: 20 }),
        actual: fc.option(fc.nat({ max: 40 }), { nil: undefined }),
      }),
      { maxLength: 20 },
    );
    holds(fc.record({ debt: fc.nat({ max: 50 }), calls }), ({ debt, calls }) => {
      const { clock, limiter } = stage([window(100)]);
      limiter.record("alice", { count: 100 + debt });
      clock.advance(60_000);
      let [settled, held] = [0, 0];
      for (const { held: estimate, actual } of calls) {
        const { reservation } = limiter.reserve("alice", { count: estimate });
        if (reservation === undefined) continue;
        if (actual === undefined) held += estimate;
        else {
          limiter.settle(reservation.id, { count: actual });
          settled += actual;
        }
      }
      const [usage] = limiter.usage("alice");
      assert.equal(usage?.current, debt + settled + held);
      assert.equal(usage?.held, held);
    });
  });

  test("invariant 3: a call is admitted exactly when used + cost is within every limit", () => {
    holds(fc.record({ limits, past, who: fc.nat({ max: 2 }), cost }), (given) => {
      const { clock, limiter } = stage(given.limits);
      live({ clock, limiter }, given.past);
      const subject = { ...subjects[given.who] };
      const costs: Cost = given.cost;
      const fits = limiter
        .usage(subject)
        .every(
          ({ type, current, max }) => costs[type] === 0 || current + (costs[type] ?? 0) <= max,
        );
      const before = everything(limiter);
      const asked = limiter.check(subject, given.cost);
      assert.equal(asked.allowed, fits);
      assert.deepEqual(everything(limiter), before);
      const taken = limiter.checkAndRecord(subject, given.cost);
      assert.deepEqual([taken.outcome, taken.retryAfterMs], [asked.outcome, asked.retryAfterMs]);
    });
  });

  test("invariant 3: all of a limit can be spent and not one unit more", () => {
    holds(
      fc.record({ limit: oneLimit, each: fc.integer({ min: 1, max: 7 }) }),
      (given) => {
        const { limiter } = stage([given.limit]);
        const max = maxOf(given.limit);
        let used = 0;
        while (used + given.each <= max) {
          assert.equal(limiter.checkAndRecord("alice", { count: given.each }).allowed, true);
          used += given.each;
        }
        assert.equal(limiter.checkAndRecord("alice", { count: max - used + 1 }).allowed, false);
        assert.equal(limiter.checkAndRecord("alice", { count: max - used }).allowed, true);
        assert.equal(limiter.usage("alice")[0]?.remaining, 0);
      },
      1000,
    );
  });

  test("invariant 4: a refused call is admitted after the wait it was told, and 1 ms earlier is not", () => {
    holds(
      fc.record({ limits, past, who: fc.nat({ max: 2 }), cost }),
      (given) => {
        const { clock, limiter } = stage(given.limits);
        live({ clock, limiter }, given.past);
        const subject = { ...subjects[given.who] };
        const { outcome, retryAfterMs = 0 } = limiter.check(subject, given.cost);
        if (outcome !== "refused") return;
        assert.ok(retryAfterMs > 0);
        clock.advance(retryAfterMs - 1);
        assert.equal(limiter.check(subject, given.cost).retryAfterMs, 1);
        clock.advance(1);
        assert.equal(limiter.checkAndRecord(subject, given.cost).outcome, "admitted");
      },
      2000,
    );
  });

  test("invariant 4: with debt of any size too, and then no wait exceeds two windows", () => {
    const given = fc.record({ max: units, spent: fc.nat({ max: 5000 }), each: units, ms: lengths });
    holds(given, ({ max, spent, each, ms }) => {
      const { clock, limiter } = stage([window(max, `${ms}ms`)]);
      limiter.record("alice", { count: spent });
      const { outcome, retryAfterMs = 0 } = limiter.checkAndRecord("alice", { count: each });
      if (outcome !== "refused") return;
      assert.ok(retryAfterMs <= 2 * ms);
      clock.advance(retryAfterMs - 1);
      assert.equal(limiter.checkAndRecord("alice", { count: each }).outcome, "refused");
      clock.advance(1);
      assert.equal(limiter.checkAndRecord("alice", { count: each }).outcome, "admitted");
    });
  });

  test("invariant 5: a cost above a limit's capacity is impossible, now and at any time", () => {
    const given = fc.record({ limits, past, who: fc.nat({ max: 2 }), above: units, ms: lengths });
    holds(given, ({ limits: configured, past: history, who, above, ms }) => {
      const on = stage(configured);
      live(on, history);
      const subject = { ...subjects[who] };
      const counts = configured.filter(({ type }) => type === "count");
      const lowest = Math.min(...counts.map(maxOf));
      const before = everything(on.limiter);
      const impossible = on.limiter.checkAndRecord(subject, { count: lowest + above });
      assert.equal(impossible.outcome, "impossible");
      assert.equal(impossible.retryAfterMs, undefined);
      assert.deepEqual(everything(on.limiter), before);
      const hopeless = impossible.refusals.filter(({ max, requested }) => requested > max);
      expect(hopeless.map(({ max }) => max)).toContain(lowest);
      assert.equal(
        hopeless.every(({ retryAfterMs }) => retryAfterMs === undefined),
        true,
      );
      expect(impossible.reason).toContain("can never admit");
      assert.notEqual(on.limiter.check(subject, { count: lowest }).outcome, "impossible");
      on.clock.advance(ms);
      assert.equal(on.limiter.check(subject, { count: lowest + above }).outcome, "impossible");
    });
  });

  test("invariant 6: a window ends exclusively, for reading and writing alike", () => {
    // The longer limit keeps the record, or its expiry would hide when the window itself ends.
    const given = fc.record({ ms: lengths, limit: units, kept: fc.boolean() });
    holds(given, ({ ms, limit, kept }) => {
      const longer = kept ? [window(1e9, "3650d")] : [];
      const { clock, limiter } = stage([window(limit, `${ms}ms`), ...longer]);
      const openedMs = clock.now();
      limiter.checkAndRecord("alice", { count: limit });
      clock.advance(ms - 1);
      assert.equal(limiter.check("alice").retryAfterMs, 1);
      const [last] = limiter.usage("alice");
      assert.deepEqual([last?.current, last?.resetsAtMs], [limit, openedMs + ms]);
      clock.advance(1);
      assert.equal(limiter.usage("alice")[0]?.current, 0);
      assert.equal(limiter.checkAndRecord("alice", { count: limit }).allowed, true);
    });
  });

  const readings = fc.array(fc.integer({ min: -20_000, max: 30_000 }), {
    minLength: 5,
    maxLength: 80,
  });

  test("invariant 6: a clock that steps back never creates quota", () => {
    const given = fc.record({ limit: oneLimit, readings });
    holds(given, ({ limit, readings }) => {
      const { clock, limiter } = stage([limit]);
      const startMs = clock.now();
      let [latestMs, spent] = [startMs, 0];
      for (const step of [0, ...readings]) {
        clock.set(Math.max(latestMs - 59_000, clock.now() + step));
        latestMs = Math.max(latestMs, clock.now());
        const { remaining = 0 } = limiter.usage("alice")[0] ?? {};
        if (remaining > 0 && limiter.checkAndRecord("alice", { count: remaining }).allowed) {
          spent += remaining;
        }
      }
      // As much as there is at first, and what the time that really went by brings.
      const wentByMs = latestMs - startMs;
      const most =
        "rate" in limit
          ? limit.capacity + Math.floor((Math.round(limit.rate * 1e6) * wentByMs) / 1e9)
          : limit.limit * (1 + Math.floor(wentByMs / windowMsIn(limit)));
      assert.ok(spent <= most);
    });
  });

  test("invariant 6: nobody is frozen by a clock that was far ahead and is put right", () => {
    const given = fc.record({
      limit: oneLimit,
      aheadMs: fc.integer({ min: 60_001, max: 400 * 86_400_000 }),
    });
    holds(given, ({ limit, aheadMs }) => {
      const { clock, limiter } = stage([limit]);
      const startMs = clock.now();
      clock.advance(aheadMs);
      limiter.checkAndRecord("alice", { count: maxOf(limit) });
      clock.set(startMs);
      const { retryAfterMs = 0, decidedAtMs } = limiter.check("alice", { count: maxOf(limit) });
      assert.equal(decidedAtMs, startMs);
      assert.ok(retryAfterMs > 0);
      clock.advance(retryAfterMs);
      assert.equal(limiter.checkAndRecord("alice", { count: maxOf(limit) }).allowed, true);
    });
  });

  test("invariant 6: a repaired clock ends no window before its time", () => {
    const given = fc.record({
      hours: fc.integer({ min: 1, max: 48 }),
      aheadMs: fc.integer({ min: 60_001, max: 3_000_000 }),
      repeats: fc.integer({ min: 1, max: 4 }),
    });
    holds(given, ({ hours, aheadMs, repeats }) => {
      const { clock, limiter } = stage([{ type: "count", window: `${hours}h`, limit: 9 }]);
      const startMs = clock.now();
      limiter.checkAndRecord("alice", { count: 5 });
      for (let repeat = 0; repeat < repeats; repeat += 1) {
        clock.set(startMs + aheadMs);
        limiter.checkAndRecord("alice");
        clock.set(startMs);
        limiter.check("alice");
      }
      clock.set(startMs + hours * 3_600_000 - 1);
      assert.equal(limiter.usage("alice")[0]?.current, 5 + repeats);
      clock.advance(1);
      assert.equal(limiter.usage("alice")[0]?.current, 0);
    });
  });

  test("invariant 6: expiry is by timestamp, and nothing sets a timer", () => {
    const before = process.getActiveResourcesInfo().filter((kind) => kind === "Timeout").length;
    holds(windows, (limit) => {
      const { limiter } = stage([limit]);
      limiter.reserve("alice", { count: 1 });
      const after = process.getActiveResourcesInfo().filter((kind) => kind === "Timeout").length;
      assert.equal(after, before);
    });
  });

  const numbersIn = (value: unknown): number[] => {
    if (typeof value === "number") return [value];
    if (typeof value !== "object" || value === null) return [];
    return Object.entries(value).flatMap(([key, entry]) =>
      key === "percentage" ? [] : numbersIn(entry),
    );
  };

  test("invariant 7: every number that goes in or comes out is a safe integer", () => {
    const huge = fc.oneof(fc.nat({ max: 10 }), fc.maxSafeNat());
    const largeLimit = fc.record({
      limit: fc.integer({ min: 1, max: 999_999_999_999_999 }),
      ms: fc.integer({ min: 1, max: 3650 * 86_400_000 }),
    });
    const given = fc.record({
      large: largeLimit,
      bucket: rates,
      amounts: fc.array(huge),
      ms: huge,
    });
    holds(given, ({ large, bucket, amounts, ms }) => {
      const { clock, limiter } = stage([window(large.limit, `${large.ms}ms`), bucket]);
      for (const amount of amounts) {
        limiter.record("alice", { count: amount });
        const decision = limiter.reserve("alice", { count: amount });
        const { reservation } = decision;
        if (reservation !== undefined) limiter.settle(reservation.id, { count: 3 * (amount % 9) });
        clock.advance(ms % 100_000);
        for (const number of numbersIn(limiter.check("alice", { count: amount }).usages)) {
          assert.equal(Number.isSafeInteger(number) && !Object.is(number, -0), true);
        }
        const { retryAfterMs = 0 } = decision;
        assert.equal(Number.isSafeInteger(retryAfterMs), true);
      }
    });
  });

  test("invariant 7: a bucket grants what its rate says, to the last millionth", () => {
    const given = fc.record({
      limit: rates,
      looks: fc.array(fc.integer({ min: 1, max: 5000 }), { minLength: 1, maxLength: 40 }),
    });
    holds(given, ({ limit, looks }) => {
      if (!("rate" in limit)) return;
      const { clock, limiter } = stage([{ ...limit, capacity: 1_000_000 }]);
      // A part per millisecond is a millionth of a unit per second.
      const [unit, rate] = [1_000_000_000n, BigInt(Math.round(limit.rate * 1e6))];
      let missing = 5n * unit;
      limiter.record("alice", { count: 5 });
      for (const ms of looks) {
        clock.advance(ms);
        const left: bigint = missing - rate * BigInt(ms);
        missing = left < 0n ? 0n : left;
        assert.equal(limiter.usage("alice")[0]?.current, Number((missing + unit - 1n) / unit));
        // Written at any moment, it must lose no fraction either.
        limiter.record("alice", { count: 1 });
        missing += unit;
      }
    });
  });

  const settlement = fc.record({
    held: fc.integer({ min: 1, max: 100 }),
    actual: fc.nat({ max: 300 }),
    others: fc.nat({ max: 100 }),
    debtless: fc.boolean(),
  });

  test("invariant 8: in its own window a settlement leaves what the real cost would have", () => {
    holds(fc.record({ settlement, limit: oneLimit }), ({ settlement, limit }) => {
      const { held, actual, others } = settlement;
      const { limiter } = stage([limit]);
      if (held > maxOf(limit)) return;
      for (const [id, amount] of [
        ["alice", held],
        ["bob", actual],
      ] as const) {
        if (id === "bob") limiter.record("bob", { count: amount });
        else {
          const { reservation } = limiter.reserve(id, { count: amount });
          limiter.settle(reservation?.id ?? "", { count: actual });
        }
        limiter.record(id, { count: others });
      }
      const [alice, bob] = [limiter.usage("alice"), limiter.usage("bob")];
      assert.deepEqual(
        alice.map((usage) => ({ ...usage, id: "bob" })),
        bob,
      );
    });
  });

  test("invariant 8: when its window is gone a refund vanishes and an overrun counts now", () => {
    const given = fc.record({ settlement, laterMs: fc.integer({ min: 60_000, max: 3_000_000 }) });
    holds(given, ({ settlement: { held, actual, others }, laterMs }) => {
      const { clock, limiter } = stage([window(100)]);
      const { reservation } = limiter.reserve("alice", { count: held });
      clock.advance(laterMs);
      limiter.record("alice", { count: others });
      limiter.settle(reservation?.id ?? "", { count: actual });
      assert.equal(limiter.usage("alice")[0]?.current, others + Math.max(0, actual - held));
    });
  });

  test("invariant 8: in the window just after, a refund lowers the debt and nothing else", () => {
    const given = fc.record({ settlement, debt: fc.integer({ min: 1, max: 100 }) });
    holds(given, ({ settlement: { held, actual, others }, debt }) => {
      const { clock, limiter } = stage([window(100)]);
      const { reservation } = limiter.reserve("alice", { count: held });
      limiter.record("alice", { count: 100 - held + debt });
      clock.advance(60_000);
      limiter.record("alice", { count: others });
      limiter.settle(reservation?.id ?? "", { count: actual });
      const delta = actual - held;
      const expected = others + Math.max(0, delta) + Math.max(0, debt + Math.min(0, delta));
      assert.equal(limiter.usage("alice")[0]?.current, expected);
    });
  });

  test("invariant 8: the first end of a reservation wins and is repeated to all others", () => {
    const ends = fc.array(fc.option(fc.nat({ max: 50 }), { nil: undefined }), {
      minLength: 1,
      maxLength: 6,
    });
    holds(fc.record({ held: fc.integer({ min: 1, max: 20 }), ends }), ({ held, ends }) => {
      const { limiter } = stage([window(20), { type: "count", rate: 1, capacity: 20 }]);
      const { reservation } = limiter.reserve("alice", { count: held });
      const id = reservation?.id ?? "";
      const endings = ends.map((actual) =>
        actual === undefined ? limiter.release(id) : limiter.settle(id, { count: actual }),
      );
      const [first] = ends;
      const outcome = first === undefined ? "released" : "settled";
      for (const [index, ending] of endings.entries()) {
        assert.deepEqual(ending, {
          outcome,
          applied: index === 0,
          held: { count: held },
          cost: { count: first ?? 0 },
        });
      }
      for (const { current } of limiter.usage("alice")) assert.equal(current, first ?? 0);
    });
  });

  test("invariant 8: a bucket is refilled first, may go below zero and never above full", () => {
    const given = fc.record({ settlement, ms: fc.nat({ max: 300_000 }) });
    holds(given, ({ settlement: { held, actual }, ms }) => {
      const { clock, limiter } = stage([{ type: "count", rate: 1, capacity: 100 }]);
      const { reservation } = limiter.reserve("alice", { count: held });
      clock.advance(ms);
      limiter.settle(reservation?.id ?? "", { count: actual });
      const missing = Math.max(0, held * 1000 - ms) + (actual - held) * 1000;
      assert.equal(limiter.usage("alice")[0]?.current, Math.max(0, Math.ceil(missing / 1000)));
    });
  });

  test("invariant 8: after a reset an older refund vanishes and an older overrun is booked", () => {
    const given = fc.record({ settlement, limit: oneLimit, ms: fc.nat({ max: 50 }) });
    holds(given, ({ settlement: { held, actual, others }, limit, ms }) => {
      if (held > maxOf(limit)) return;
      const { clock, limiter } = stage([limit]);
      const { reservation } = limiter.reserve("alice", { count: held });
      clock.advance(ms);
      limiter.reset("alice");
      limiter.record("alice", { count: others });
      limiter.settle(reservation?.id ?? "", { count: actual });
      assert.equal(limiter.usage("alice")[0]?.current, others + Math.max(0, actual - held));
    });
  });

  test("invariant 9: a hold that nobody ends stays charged until its window is over", () => {
    const given = fc.record({
      held: fc.integer({ min: 1, max: 100 }),
      leaseMs: fc.integer({ min: 1, max: 3_500_000 }),
      laterMs: fc.nat({ max: 3_599_999 }),
    });
    holds(given, ({ held, leaseMs, laterMs }) => {
      const { clock, limiter } = stage([{ type: "count", window: "hour", limit: 100 }]);
      limiter.reserve("alice", { count: held }, { leaseMs });
      clock.advance(laterMs);
      const [usage] = limiter.usage("alice");
      assert.equal(usage?.current, held);
      assert.equal(usage?.held, laterMs < leaseMs ? held : 0);
      assert.equal(limiter.check("alice", { count: 101 - held }).allowed, false);
    });
  });

  test("invariant 9: a late settlement counts once within the grace and is unknown after it", () => {
    const given = fc.record({
      held: fc.integer({ min: 1, max: 100 }),
      actual: fc.nat({ max: 200 }),
      leaseMs: fc.integer({ min: 1, max: 86_400_000 }),
      aroundMs: fc.integer({ min: -1000, max: 1000 }),
    });
    holds(given, ({ held, actual, leaseMs, aroundMs }) => {
      const { clock, limiter } = stage([{ type: "count", window: "3650d", limit: 100 }]);
      const { reservation } = limiter.reserve("alice", { count: held }, { leaseMs });
      const id = reservation?.id ?? "";
      clock.advance(Math.max(0, leaseMs + 3_600_000 + aroundMs));
      const known = aroundMs < 0;
      assert.equal(limiter.settle(id, { count: actual }).outcome, known ? "settled" : "unknown");
      assert.equal(limiter.settle(id, { count: actual }).applied, false);
      assert.equal(limiter.usage("alice")[0]?.current, known ? actual : held);
    });
  });

  test("invariant 9: an id on record repeats its answer, for another cost it is an error", () => {
    const given = fc.record({
      id: fc.string({ minLength: 1 }),
      costs: fc.array(fc.integer({ min: 1, max: 12 }), { minLength: 2, maxLength: 6 }),
    });
    holds(given, ({ id, costs }) => {
      const { limiter } = stage([window(10)]);
      let recorded: number | undefined;
      for (const count of costs) {
        const reserve = (): string => limiter.reserve("alice", { count }, { id }).outcome;
        if (recorded === undefined) {
          if (reserve() === "admitted") recorded = count;
        } else if (recorded === count) assert.equal(reserve(), "admitted");
        else assert.throws(reserve, { code: "RESERVATION_CONFLICT" });
        assert.equal(limiter.usage("alice")[0]?.current, recorded ?? 0);
      }
    });
  });

  // Everything that tempts a key: separators, cases, blanks, NUL, halves of surrogate pairs, length.
  const id = fc.oneof(
    fc.string({ unit: "binary", minLength: 1, maxLength: 5 }),
    fc
      .array(
        fc.constantFrom("a", "A", ":", "#", "%", " ", "\0", "\uD800", "\uDC00", "\uFFFD", "é", "1"),
        {
          minLength: 1,
          maxLength: 4,
        },
      )
      .map((parts) => parts.join("")),
    fc
      .tuple(fc.integer({ min: 60, max: 130 }), fc.constantFrom("x", "y", "é"))
      .map(([length, last]) => `${"x".repeat(length)}${last}`),
    fc.constantFrom("#global", "#unknown", "2:ab", "#2:ab", "undefined", "__proto__"),
  );
  // Most pairs that meet are one text cut in two places.
  const cutText = fc
    .record({ text: fc.constantFrom("aaaa", "a:a:a", "2:aa2:aa", "#a#a"), at: fc.nat({ max: 7 }) })
    .map(({ text, at }) => ({
      tenant: text.slice(0, at) === "" ? undefined : text.slice(0, at),
      user: text.slice(at) === "" ? text : text.slice(at),
    }));
  const pair = fc.oneof(
    fc.record({ tenant: fc.option(id, { nil: undefined }), user: id }),
    cutText,
  );

  test("invariant 10: no two subjects share a cell, whatever their ids hold", () => {
    const subjects = fc.uniqueArray(pair, { selector: nameOf, minLength: 2, maxLength: 12 });
    holds(subjects, (subjects) => {
      const { limiter } = stage([
        { ...window(100), scope: "user" },
        { ...window(100), scope: "user", within: null, name: "everywhere" },
      ]);
      for (const [index, subject] of subjects.entries())
        limiter.record(subject, { count: index + 1 });
      for (const [index, subject] of subjects.entries()) {
        const [within, everywhere] = limiter.usage(subject);
        assert.equal(within?.current, index + 1);
        const ofUser = subjects.flatMap(({ user }, n) => (user === subject.user ? [n + 1] : []));
        assert.equal(
          everywhere?.current,
          ofUser.reduce((sum, n) => sum + n, 0),
        );
      }
    });
  });

  test("invariant 10: different lists of components have different keys", () => {
    const lists = fc.uniqueArray(fc.array(id, { maxLength: 4 }), {
      selector: (list) => JSON.stringify(list),
      minLength: 2,
      maxLength: 12,
    });
    holds(lists, (lists) => {
      const keys = lists.map((list) => encodeKey(list));
      assert.equal(new Set(keys).size, lists.length);
      for (const key of keys) expect(key).toMatch(/^\d+:[\w.~%#:-]*$/);
    });
  });

  test("invariant 10: a limit keeps its usage when its number changes and loses it with its window", () => {
    const given = fc.record({ spent: units, first: units, second: units, ms: lengths });
    holds(given, ({ spent, first, second, ms }) => {
      const store = memoryStore({ clock: manualClock().now, maxKeys: 10, maxReservations: 10 });
      const usedUnder = (limit: LimitInput, charge: number): number | undefined => {
        const limiter = createLimiter({ limits: [limit], store });
        const [usage] = limiter.record("alice", { count: charge });
        limiter.close();
        return usage?.current;
      };
      assert.equal(usedUnder(window(first, `${ms}ms`), spent), spent);
      assert.equal(usedUnder(window(second, `${ms}ms`), 0), spent);
      assert.equal(usedUnder(window(first, `${ms + 1}ms`), 0), 0);
      assert.equal(usedUnder({ ...window(first, `${ms}ms`), name: "other" }, 0), 0);
    });
  });

  test("invariant 12: whatever ids come, the store keeps within its bound and counts what it drops", () => {
    const given = fc.record({
      maxKeys: fc.integer({ min: 1, max: 20 }),
      calls: fc.array(
        fc.record({
          id: fc.nat({ max: 60 }),
          count: fc.integer({ min: 1, max: 3 }),
          ms: fc.nat({ max: 40 }),
        }),
        { maxLength: 100 },
      ),
    });
    holds(given, ({ maxKeys, calls }) => {
      const clock = manualClock();
      const store = memoryStore({ clock: clock.now, maxKeys, maxReservations: 10 });
      const limiter = createLimiter({ limits: [window(3, "500ms")], store });
      const events: LimiterEvent[] = [];
      limiter.subscribe((event) => events.push(event));
      for (const { id, count, ms } of calls) {
        clock.advance(ms);
        limiter.checkAndRecord(`u${String(id)}`, { count });
        assert.ok(store.stats().keys <= maxKeys);
      }
      const { idleEvictions, refusingEvictions } = store.stats();
      const evicted = events.filter(({ type }) => type === "evicted").length;
      assert.equal(idleEvictions + refusingEvictions, evicted);
    });
  });

  test("invariant 12: room is made of the expired, then of the longest unused that admits, then of the first to admit again", () => {
    const subject = fc.record({
      count: fc.integer({ min: 1, max: 3 }),
      afterMs: fc.nat({ max: 300 }),
    });
    const given = fc.record({
      charges: fc.array(subject, { minLength: 2, maxLength: 10 }),
      uses: fc.array(fc.nat({ max: 9 }), { maxLength: 10 }),
      waitMs: fc.nat({ max: 900 }),
    });
    holds(given, ({ charges, uses, waitMs }) => {
      const clock = manualClock();
      const store = memoryStore({ clock: clock.now, maxKeys: charges.length, maxReservations: 10 });
      const limiter = createLimiter({ limits: [window(3, "1000ms")], store });
      const kept = charges.map(({ count, afterMs }, index) => {
        clock.advance(afterMs);
        const { usages } = limiter.checkAndRecord(`u${String(index)}`, { count });
        return { id: `u${String(index)}`, count, endMs: usages[0]?.resetsAtMs ?? 0 };
      });
      const order = kept.map(({ id }) => id);
      const use = (id: string): void => {
        order.push(...order.splice(order.indexOf(id), 1));
      };
      for (const n of uses) {
        const chosen = kept[n];
        if (chosen === undefined || chosen.endMs <= clock.now()) continue;
        limiter.check(chosen.id);
        use(chosen.id);
      }
      clock.advance(waitMs);
      const nowMs = clock.now();
      const alive = kept.filter(({ endMs }) => endMs > nowMs);
      const admitting = order.filter((id) =>
        alive.some((entry) => entry.id === id && entry.count < 3),
      );
      const [firstBack] = alive.toSorted((a, b) => a.endMs - b.endMs);
      const victim = alive.length < kept.length ? undefined : (admitting[0] ?? firstBack?.id);
      const { idleEvictions, refusingEvictions } = store.stats();
      limiter.checkAndRecord("newcomer");
      const after = store.stats();
      const expected = victim === undefined ? [0, 0] : admitting.length > 0 ? [1, 0] : [0, 1];
      assert.deepEqual(
        [after.idleEvictions - idleEvictions, after.refusingEvictions - refusingEvictions],
        expected,
      );
      const equallyEarly = alive.filter(({ endMs }) => endMs === firstBack?.endMs);
      if (admitting.length === 0 && equallyEarly.length > 1) return;
      for (const { id, count } of alive) {
        assert.deepEqual([id, limiter.usage(id)[0]?.current], [id, id === victim ? 0 : count]);
      }
    });
  });

  test("invariant 12: records with open reservations are kept, and are bounded by those", () => {
    const given = fc.record({
      maxKeys: fc.integer({ min: 1, max: 5 }),
      maxReservations: fc.integer({ min: 1, max: 8 }),
      calls: fc.array(
        fc.record({
          id: fc.nat({ max: 30 }),
          end: fc.option(fc.nat({ max: 20 }), { nil: undefined }),
        }),
        { maxLength: 60 },
      ),
    });
    holds(given, ({ maxKeys, maxReservations, calls }) => {
      const clock = manualClock();
      const store = memoryStore({ clock: clock.now, maxKeys, maxReservations });
      const limiter = createLimiter({ limits: [window(100)], store });
      const open = new Map<string, string>();
      for (const { id, end } of calls) {
        const subject = `u${String(id)}`;
        if (end !== undefined) {
          const [owner, token] = [...open][end % Math.max(1, open.size)] ?? ["", ""];
          if (token !== "") limiter.settle(token, { count: 1 });
          open.delete(owner);
        } else if (!open.has(subject)) {
          const reserve = (): void => {
            const { reservation } = limiter.reserve(subject, { count: 2 });
            open.set(subject, reservation?.id ?? "");
          };
          if (open.size < maxReservations) reserve();
          else assert.throws(reserve, isFull);
        }
        for (const owner of open.keys()) assert.equal(limiter.usage(owner)[0]?.held, 2);
        const { keys, leasedKeys, openReservations } = store.stats();
        assert.equal(openReservations, open.size);
        assert.ok(keys <= maxKeys + maxReservations);
        assert.ok(leasedKeys <= maxReservations);
      }
    });
  });

  const calls = {
    check: (limiter: Limiter) => limiter.check("alice"),
    take: (limiter: Limiter) => limiter.checkAndRecord("alice"),
    force: (limiter: Limiter) => limiter.record("alice", { count: 1 }),
    reserve: (limiter: Limiter) => limiter.reserve("alice"),
    settle: (limiter: Limiter) => limiter.settle("r", { count: 1 }),
    renew: (limiter: Limiter) => limiter.renew("r"),
    forget: (limiter: Limiter) => limiter.reset("alice"),
    sweep: (limiter: Limiter) => limiter.resetExpired(),
  } as const;

  test("invariant 13: a store's failure is STORE_FAILED with its cause, and is told once", async () => {
    const given = fc.record({
      operation: fc.constantFrom(
        "check",
        "take",
        "force",
        "reserve",
        "settle",
        "renew",
        "forget",
        "sweep",
      ),
      cause: fc.oneof(
        fc.anything(),
        fc.string().map((message) => new Error(message)),
      ),
      thrown: fc.boolean(),
    });
    const property = fc.asyncProperty(given, async ({ operation, cause, thrown }) => {
      const broken = failing(() => {
        if (thrown) throw cause;
        return Promise.reject(cause);
      });
      const events: LimiterEvent[] = [];
      const limiter = createLimiter({
        limits: [window(1)],
        store: broken,
        onEvent: (event) => events.push(event),
      });
      const call = async (): Promise<unknown> => calls[operation](limiter);
      const error: unknown = await call().catch((error: unknown) => error);
      expect(error).toMatchObject({ name: "TollgateError", code: "STORE_FAILED" });
      expect(error).toHaveProperty("cause", cause);
      expect(events).toEqual([
        { type: "storeFailure", limiter: "default", operation, error: cause },
      ]);
    });
    await fc.assert(property, parameters());
  });

  test("invariant 13: a refusal is a value, and a bug in a callback is the caller's exception", () => {
    const given = fc.record({ limits, past, who: fc.nat({ max: 2 }), cost, message: fc.string() });
    holds(given, ({ limits: configured, past: history, who, cost: asked, message }) => {
      const on = stage(configured);
      live(on, history);
      const subject = { ...subjects[who] };
      expect(() => on.limiter.checkAndRecord(subject, asked)).not.toThrow();
      expect(() => on.limiter.reserve(subject, asked)).not.toThrow();
      const buggy = on.limiter.override({
        add: [
          {
            ...window(1000),
            scope: "global",
            name: "buggy",
            when: () => {
              throw new TypeError(message);
            },
          },
        ],
      });
      const before = everything(on.limiter);
      expect(() => buggy.checkAndRecord(subject, asked)).toThrow(TypeError);
      assert.deepEqual(everything(on.limiter), before);
    });
  });
});
