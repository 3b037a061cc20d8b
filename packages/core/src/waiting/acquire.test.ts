import { describe, expect, test } from "@jest/globals";

import type { Decision } from "../decision.ts";
import type { LimiterEvent } from "../events.ts";
import { createLimiter } from "../limiter/create-limiter.ts";
import type { LimiterOptions } from "../limiter/limiter-options.ts";
import { memoryStore } from "../memory-store.ts";
import type { LimitInput } from "../policy/limit-input.ts";
import type { Store } from "../store.ts";
import { manualClock } from "../testing/manual-clock.ts";

const perMinute = (limit: number, scope = "caller"): LimitInput => ({
  type: "count",
  window: "minute",
  limit,
  scope,
  name: `calls of ${scope}`,
});

/** Lets everything go on that waits for nothing but its turn. */
const settleDown = async (): Promise<void> => {
  for (let turn = 0; turn < 5; turn += 1) await new Promise(setImmediate);
};

function stage(limits: readonly LimitInput[], more: Partial<LimiterOptions> = {}) {
  const clock = manualClock();
  const memory = memoryStore({ clock: clock.now });
  let asked = 0;
  const store: Store = {
    ...memory,
    apply: (batch) => {
      asked += 1;
      return memory.apply(batch);
    },
  };
  const events: LimiterEvent[] = [];
  const limiter = createLimiter({
    limits,
    store,
    onEvent: (event) => events.push(event),
    ...more,
    waiting: { scheduler: clock.scheduler, ...more.waiting },
  });
  const types = (): readonly string[] => events.map(({ type }) => type);
  return { clock, limiter, events, types, asked: () => asked };
}

/** Notes who is admitted, in order. */
function queue(done: string[], name: string, call: Promise<Decision>): void {
  void call.then(
    ({ outcome }) => done.push(outcome === "admitted" ? name : `${name} ${outcome}`),
    () => done.push(`${name} rejected`),
  );
}

describe("a call that would rather wait", () => {
  test("is admitted at once where there is room", async () => {
    const { limiter, types } = stage([perMinute(1)]);
    expect((await limiter.acquire("alice")).allowed).toBe(true);
    expect(types()).toEqual(["admitted"]);
  });

  test("is admitted exactly when it was told, after one question more", async () => {
    const { clock, limiter, types, asked } = stage([perMinute(1)]);
    await limiter.acquire("alice");
    const done: string[] = [];
    queue(done, "second", limiter.acquire("alice", undefined, { maxWaitMs: 60_000 }));
    await settleDown();
    clock.advance(59_999);
    await settleDown();
    expect(done).toEqual([]);
    expect(limiter.waiting).toMatchObject({ waiting: 1, subjects: 1 });
    clock.advance(1);
    await settleDown();
    expect(done).toEqual(["second"]);
    expect(asked()).toBe(3);
    expect(types()).toEqual(["admitted", "admitted", "waited"]);
  });

  test("is refused at once where no waiting helps, or none that it has time for", async () => {
    const { limiter, types } = stage([perMinute(5)]);
    expect((await limiter.acquire("alice", { count: 6 })).outcome).toBe("impossible");
    await limiter.acquire("alice", { count: 5 });
    const late = await limiter.acquire("alice", { count: 1 }, { maxWaitMs: 59_999 });
    expect([late.outcome, late.retryAfterMs]).toEqual(["refused", 60_000]);
    expect(types()).toEqual(["impossible", "admitted", "refused"]);
  });

  test("waits behind those of its subject that came before, and they behind higher priorities", async () => {
    const { clock, limiter } = stage([perMinute(1)]);
    await limiter.acquire("alice");
    const done: string[] = [];
    const options = { maxWaitMs: 86_400_000 };
    queue(done, "first", limiter.acquire("alice", undefined, options));
    queue(done, "second", limiter.acquire("alice", undefined, options));
    queue(done, "urgent", limiter.acquire("alice", undefined, { ...options, priority: 1 }));
    for (let minute = 0; minute < 3; minute += 1) {
      await settleDown();
      clock.advance(60_000);
      await settleDown();
    }
    expect(done).toEqual(["urgent", "first", "second"]);
  });

  test("takes turns with other subjects that wait for the same limit", async () => {
    const { clock, limiter } = stage([perMinute(2, "tenant")]);
    const by = (user: string) =>
      limiter.acquire({ tenant: "acme", user }, undefined, { maxWaitMs: 86_400_000 });
    await by("a");
    await by("a");
    const done: string[] = [];
    for (const name of ["a1", "a2", "a3", "b1", "c1"]) queue(done, name, by(name.charAt(0)));
    for (let minute = 0; minute < 3; minute += 1) {
      await settleDown();
      clock.advance(60_000);
      await settleDown();
    }
    expect(done).toEqual(["a1", "b1", "c1", "a2", "a3"]);
  });

  test("is let in by what ends, is reset, corrected or no longer blocked in this process", async () => {
    const { limiter } = stage([
      { type: "token", window: "day", limit: 100, scope: "user", name: "tokens" },
    ]);
    const alice = { user: "alice" };
    const wait = (token: number) => limiter.acquire(alice, { token }, { maxWaitMs: 86_400_000 });
    // The room learns of reservations from the first call that may wait.
    await limiter.acquire(alice, { token: 0 });
    const { reservation } = await limiter.reserve(alice, { token: 100 });
    const done: string[] = [];
    queue(done, "settled", wait(60));
    await settleDown();
    await limiter.settle(reservation?.id ?? "", { token: 40 });
    await settleDown();
    queue(done, "adjusted", wait(50));
    await settleDown();
    await limiter.adjust(alice, { token: -50 });
    await settleDown();
    queue(done, "reset", wait(70));
    await settleDown();
    await limiter.reset(alice);
    await settleDown();
    await limiter.block(alice, { durationMs: 1000 });
    queue(done, "unblocked", wait(10));
    await settleDown();
    await limiter.unblock(alice);
    await settleDown();
    expect(done).toEqual(["settled", "adjusted", "reset", "unblocked"]);
  });

  test("asks for a slot now and then that another process may have vacated", async () => {
    const { clock, limiter, asked } = stage([{ type: "concurrency", limit: 1 }], {
      waiting: { recheckMs: 500 },
    });
    // Of another process: this one does not learn of its end.
    const { reservation } = await limiter.reserve("alice");
    const done: string[] = [];
    queue(done, "next", limiter.acquire("alice", undefined, { reserve: true }));
    await settleDown();
    const before = asked();
    clock.advance(5000);
    await settleDown();
    expect(asked() - before).toBe(10);
    await limiter.release(reservation?.id ?? "");
    clock.advance(500);
    await settleDown();
    expect(done).toEqual(["next"]);
  });

  test("is let in by the end of a reservation from before anybody waited, and by other limits", async () => {
    const { limiter } = stage([perMinute(10)]);
    const { reservation } = await limiter.reserve("alice", { count: 10 });
    const done: string[] = [];
    queue(done, "released", limiter.acquire("alice", { count: 8 }, { maxWaitMs: 86_400_000 }));
    await settleDown();
    await limiter.release(reservation?.id ?? "");
    await settleDown();
    queue(done, "reconfigured", limiter.acquire("alice", { count: 8 }, { maxWaitMs: 86_400_000 }));
    await settleDown();
    limiter.reconfigure({ limits: [perMinute(20)] });
    await settleDown();
    expect(done).toEqual(["released", "reconfigured"]);
  });

  test("gives back nothing of an earlier call with its id when it is abandoned", async () => {
    const { limiter, clock } = stage([{ type: "concurrency", limit: 1 }]);
    await limiter.acquire("alice", undefined, { reserve: true, id: "turn" });
    const left = new AbortController();
    const slow = { above: 0, maxDelayMs: 1000 };
    const again = limiter.acquire("alice", undefined, {
      reserve: true,
      id: "turn",
      slowDown: slow,
      signal: left.signal,
    });
    const done: string[] = [];
    queue(done, "again", again);
    await settleDown();
    left.abort("gone");
    await expect(again).rejects.toBe("gone");
    expect((await limiter.usage("alice"))[0]?.current).toBe(1);
    clock.advance(1);
  });

  test("that is slowed down goes on at once when the limiter is closed", async () => {
    const { limiter } = stage([perMinute(10)]);
    const done: string[] = [];
    const slowDown = { above: 0, maxDelayMs: 60_000 };
    queue(done, "slow", limiter.acquire("alice", { count: 10 }, { slowDown }));
    await settleDown();
    expect(done).toEqual([]);
    await limiter.close();
    await settleDown();
    expect(done).toEqual(["slow"]);
  });

  test("is abandoned by its signal, and leaves its place and nothing charged", async () => {
    const { clock, limiter, types } = stage([perMinute(1)]);
    await limiter.acquire("alice");
    const left = new AbortController();
    const call = limiter.acquire("alice", undefined, { maxWaitMs: 60_000, signal: left.signal });
    const done: string[] = [];
    queue(done, "call", call);
    await settleDown();
    left.abort("gone");
    await expect(call).rejects.toBe("gone");
    expect(done).toEqual(["call rejected"]);
    expect(limiter.waiting).toMatchObject({ waiting: 0, abandoned: 1 });
    clock.advance(60_000);
    expect((await limiter.usage("alice"))[0]?.current).toBe(0);
    expect(types()).toEqual(["admitted", "waited"]);
    await expect(
      limiter.acquire("alice", undefined, { signal: AbortSignal.abort("never") }),
    ).rejects.toBe("never");
  });

  test("is turned away where too many wait, when its time is over, and when the limiter is closed", async () => {
    const { clock, limiter, events } = stage([{ type: "concurrency", limit: 1, scope: "tenant" }], {
      waiting: { maxWaiting: 3, maxPerSubject: 2 },
    });
    const by = (user: string, maxWaitMs = 600_000) =>
      limiter.acquire({ tenant: "acme", user }, undefined, { reserve: true, maxWaitMs });
    await by("a");
    const done: string[] = [];
    queue(done, "brief", by("a", 1000));
    queue(done, "patient", by("a"));
    const crowded = await by("a");
    expect([crowded.outcome, crowded.reservation]).toEqual(["refused", undefined]);
    queue(done, "other", by("b"));
    expect((await by("c")).outcome).toBe("refused");
    clock.advance(1000);
    await settleDown();
    expect(done).toEqual(["brief refused"]);
    await limiter.close();
    await settleDown();
    expect(done.toSorted()).toEqual(["brief refused", "other refused", "patient refused"]);
    const outcomes = events.flatMap((event) => (event.type === "waited" ? [event.outcome] : []));
    expect(outcomes).toEqual(["overflowed", "overflowed", "timedOut", "closed", "closed"]);
    await expect(by("a")).rejects.toMatchObject({ code: "LIMITER_CLOSED" });
  });

  test("does not overtake those that wait, even where there would be room for it", async () => {
    const { clock, limiter } = stage([perMinute(10, "tenant")]);
    const by = (user: string, count: number) =>
      limiter.acquire({ tenant: "acme", user }, { count }, { maxWaitMs: 600_000 });
    await by("a", 5);
    const done: string[] = [];
    queue(done, "large", by("a", 8));
    await settleDown();
    queue(done, "small", by("b", 1));
    await settleDown();
    expect(done).toEqual([]);
    clock.advance(60_000);
    await settleDown();
    expect(done).toEqual(["large", "small"]);
  });

  test("meets the limits that are in force by the time it is asked for", async () => {
    const { limiter, clock } = stage([perMinute(1)]);
    await limiter.acquire("alice");
    const done: string[] = [];
    queue(done, "second", limiter.acquire("alice", undefined, { maxWaitMs: 60_000 }));
    await settleDown();
    limiter.reconfigure({ limits: [{ ...perMinute(1), suspended: true }] });
    clock.advance(60_000);
    await settleDown();
    expect(done).toEqual(["second refused"]);
  });

  test.each([
    ["maxWaitMs", -1],
    ["maxWaitMs", 86_400_001],
    ["priority", 0.5],
    ["reserve", "yes"],
    ["signal", {}],
    ["leaseMs", 0],
    ["id", ""],
  ])("with %s: %p is an error before anything is asked", async (name, value) => {
    const { limiter, asked } = stage([perMinute(1)]);
    const call = Reflect.apply(limiter.acquire, undefined, ["alice", undefined, { [name]: value }]);
    await expect(call).rejects.toMatchObject({ code: "INVALID_ARGUMENT", path: name });
    expect(asked()).toBe(0);
  });
});
