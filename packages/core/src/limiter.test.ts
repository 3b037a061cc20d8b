import { describe, expect, test } from "@jest/globals";

import type { Limiter } from "./limiter.ts";
import { createLimiter } from "./limiter/create-limiter.ts";
import { memoryStore } from "./memory-store.ts";
import type { LimitInput } from "./policy/limit-input.ts";
import type { Store } from "./store.ts";
import { type ManualClock, manualClock } from "./testing/manual-clock.ts";

interface Stage {
  readonly clock: ManualClock;
  readonly limiter: Limiter<"sync">;
}

function stage(...limits: readonly LimitInput[]): Stage {
  const clock = manualClock();
  const store = memoryStore({ clock: clock.now, maxKeys: 100 });
  return { clock, limiter: createLimiter({ limits, store }) };
}

/** The memory store behind promises, as a store on a network is. */
function remote({ now }: ManualClock): Store {
  const memory = memoryStore({ clock: now, maxKeys: 100 });
  return {
    synchronous: false,
    apply: async (batch) => memory.apply(batch),
    settle: async (settlement) => memory.settle(settlement),
    renew: async (token, leaseMs) => memory.renew(token, leaseMs),
    forget: async (address) => {
      memory.forget(address);
    },
    sweep: async (beforeMs) => memory.sweep(beforeMs),
    reservations: async (address) => memory.reservations(address),
    close: async () => {
      memory.close();
    },
  };
}

const windows = [
  { window: "minute", ms: 60_000 },
  { window: "hour", ms: 3_600_000 },
  { window: "day", ms: 86_400_000 },
  { window: "week", ms: 604_800_000 },
  { window: "month", ms: 2_592_000_000 },
] as const;
const types = ["count", "token"] as const;
const scopes = ["user", "session"] as const;

const rows = windows.flatMap(({ window, ms }) =>
  types.flatMap((type) => scopes.map((scope) => ({ window, ms, type, scope }))),
);

describe("a limit per window", () => {
  test.each(rows)(
    "admits 3 of $type per $window for each $scope, and again when it ends",
    (row) => {
      const { window, ms, type, scope } = row;
      const { clock, limiter } = stage({ type, window, limit: 3, scope });
      const cost = { [type]: 1 };
      const take = (id: string): boolean => limiter.checkAndRecord({ [scope]: id }, cost).allowed;
      expect([take("a"), take("a"), take("a"), take("a")]).toEqual([true, true, true, false]);
      expect(take("b")).toBe(true);
      expect(limiter.check({ [scope]: "a" }, cost).retryAfterMs).toBe(ms);
      clock.advance(ms - 1);
      expect(take("a")).toBe(false);
      clock.advance(1);
      expect(take("a")).toBe(true);
    },
  );

  test("keeps users and sessions apart, even under one id", () => {
    const { limiter } = stage(
      { type: "count", window: "minute", limit: 2, scope: "user" },
      { type: "count", window: "minute", limit: 2, scope: "session" },
    );
    expect(limiter.checkAndRecord({ user: "1", session: "1" }).allowed).toBe(true);
    expect(limiter.checkAndRecord({ user: "1", session: "2" }).allowed).toBe(true);
    expect(limiter.checkAndRecord({ user: "1", session: "3" }).refusedBy).toEqual([
      "count-per-minute-user",
    ]);
    expect(limiter.checkAndRecord({ user: "2", session: "1" }).allowed).toBe(true);
    expect(limiter.checkAndRecord({ user: "3", session: "1" }).refusedBy).toEqual([
      "count-per-minute-session",
    ]);
  });

  test("D-SHA-02 is enforced by the shortest configuration there is", () => {
    const limiter = createLimiter({ limits: [{ type: "count", window: "minute", limit: 60 }] });
    const outcomes = Array.from({ length: 61 }, () => limiter.checkAndRecord("alice").outcome);
    expect(outcomes.filter((outcome) => outcome === "admitted")).toHaveLength(60);
    expect(outcomes.at(-1)).toBe("refused");
  });

  test("shows current, max, remaining, percentage and reset", () => {
    const { clock, limiter } = stage({ type: "token", window: "hour", limit: 200 });
    limiter.checkAndRecord("alice", { token: 50 });
    expect(limiter.usage("alice")).toEqual([
      {
        limit: "token-per-hour-caller",
        type: "token",
        scope: "caller",
        id: "alice",
        window: "hour",
        shadow: false,
        current: 50,
        max: 200,
        remaining: 150,
        percentage: 25,
        held: 0,
        debt: 0,
        resetsAtMs: clock.now() + 3_600_000,
      },
    ]);
  });
});

describe("a bucket of 5 at 2 per second", () => {
  test("leaves 4, 3, 2, 1, 0, and the sixth call waits exactly 500 ms", () => {
    const { clock, limiter } = stage({ type: "count", rate: 2, capacity: 5 });
    const left = [1, 2, 3, 4, 5].map(() => limiter.checkAndRecord("alice").usages[0]?.remaining);
    expect(left).toEqual([4, 3, 2, 1, 0]);
    const sixth = limiter.checkAndRecord("alice");
    expect([sixth.outcome, sixth.retryAfterMs]).toEqual(["refused", 500]);
    expect(sixth.reason).toBe(
      'limit "count-bucket-caller" has 0 of 5 left and count 1 was asked; it fits in 0.5 s',
    );
    clock.advance(499);
    expect(limiter.checkAndRecord("alice").allowed).toBe(false);
    clock.advance(1);
    expect(limiter.checkAndRecord("alice").allowed).toBe(true);
  });

  test("shows when it is full again", () => {
    const { clock, limiter } = stage({ type: "count", rate: 2, capacity: 5 });
    limiter.checkAndRecord("alice", { count: 4 });
    expect(limiter.usage("alice")[0]).toMatchObject({
      window: undefined,
      percentage: 80,
      resetsAtMs: clock.now() + 2000,
    });
  });
});

describe("a limiter", () => {
  test("charges one request when no cost is given", () => {
    const { limiter } = stage(
      { type: "count", window: "minute", limit: 5 },
      { type: "token", window: "minute", limit: 5 },
    );
    limiter.checkAndRecord("alice");
    expect(limiter.usage("alice").map(({ current }) => current)).toEqual([1, 0]);
    expect(limiter.reserve("alice").reservation?.cost).toEqual({ count: 1, token: 0 });
  });

  test("resets a subject, and only it", () => {
    const { limiter } = stage({ type: "count", window: "minute", limit: 1 });
    for (const id of ["alice", "bob"]) limiter.checkAndRecord(id);
    limiter.reset("alice");
    expect(limiter.check("alice").allowed).toBe(true);
    expect(limiter.check("bob").allowed).toBe(false);
    expect(() => limiter.reset("bob", { scopes: ["user"] })).toThrow(
      expect.objectContaining({ code: "INVALID_ARGUMENT", path: "scopes" }),
    );
  });

  test("D-SQL-08 removes what has expired, never what has not", () => {
    const { clock, limiter } = stage({ type: "count", window: "minute", limit: 5 });
    limiter.checkAndRecord("alice");
    clock.advance(30_000);
    limiter.checkAndRecord("bob");
    clock.advance(30_000);
    expect(limiter.resetExpired(clock.now() + 1e9)).toBe(1);
    expect(limiter.usage("bob")[0]?.current).toBe(1);
    expect(() => limiter.resetExpired(0.5)).toThrow(
      expect.objectContaining({ code: "INVALID_ARGUMENT" }),
    );
  });

  test("that is disabled admits everything and charges nothing", () => {
    const store = memoryStore();
    const limiter = createLimiter({ store, enabled: false });
    for (const decision of [
      limiter.check("alice"),
      limiter.checkAndRecord("alice", { token: 1e9 }),
      limiter.reserve("alice", { usd: 5 }),
    ]) {
      expect(decision).toMatchObject({ outcome: "admitted", allowed: true, usages: [] });
    }
    expect(limiter.record("alice", { count: 1 })).toEqual([]);
    expect(limiter.settle("anything", { usd: 5 }).outcome).toBe("unknown");
    expect(store.stats().keys).toBe(0);
  });

  test("has a name of its own on its store, until it is closed", () => {
    const store = memoryStore();
    const limits: readonly LimitInput[] = [{ type: "count", window: "minute", limit: 5 }];
    const limiter = createLimiter({ limits, store });
    const again = (): unknown => createLimiter({ limits, store });
    expect(again).toThrow(expect.objectContaining({ code: "INVALID_CONFIG", path: "name" }));
    expect(() => createLimiter({ limits, store, name: "other" })).not.toThrow();
    limiter.close();
    limiter.close();
    expect(again).not.toThrow();
    expect(() => limiter.check("alice")).toThrow(
      expect.objectContaining({ code: "LIMITER_CLOSED" }),
    );
  });

  test("settles what is still running when it is closed, once, and turns new calls away", () => {
    const store = memoryStore();
    const limits: readonly LimitInput[] = [{ type: "token", window: "minute", limit: 50 }];
    const limiter = createLimiter({ limits, store });
    const sources: string[] = [];
    limiter.subscribe((event) => {
      if (event.type === "settled") sources.push(event.source);
    });
    const id = limiter.reserve("alice", { token: 40 }).reservation?.id ?? "";
    const untrack = limiter.track({
      reservationId: id,
      end: () => {
        expect(() => limiter.check("alice")).toThrow(
          expect.objectContaining({ code: "LIMITER_CLOSED" }),
        );
        return limiter.settle(id, { token: 7 }, { source: "counted" });
      },
    });
    expect(limiter.close()).toBeUndefined();
    untrack();
    limiter.close();
    expect(sources).toStrictEqual(["counted"]);
    expect(createLimiter({ limits, store }).usage("alice")[0]).toMatchObject({
      current: 7,
      held: 0,
    });
  });

  test("waits for those settlements when the store answers later, but not for ever", async () => {
    const limits: readonly LimitInput[] = [{ type: "token", window: "minute", limit: 50 }];
    const patient = createLimiter({ limits, store: remote(manualClock()) });
    const id = (await patient.reserve("alice", { token: 40 })).reservation?.id ?? "";
    let settled = false;
    patient.track({
      reservationId: id,
      end: async () => {
        settled = (await patient.settle(id, { token: 7 })).applied;
      },
    });
    const closing = patient.close();
    expect(patient.close()).toBe(closing);
    await closing;
    expect(settled).toBe(true);
    const hanging = createLimiter({ limits, store: remote(manualClock()) });
    hanging.track({ reservationId: "r", end: async () => new Promise(() => undefined) });
    await expect(hanging.close({ timeoutMs: 1 })).resolves.toBeUndefined();
  });

  test.each([-1, 1.5, Number.NaN, 2 ** 31])("is not closed within %s ms", (timeoutMs) => {
    const { limiter } = stage({ type: "count", window: "minute", limit: 5 });
    expect(() => limiter.close({ timeoutMs })).toThrow(
      expect.objectContaining({ code: "INVALID_ARGUMENT", path: "timeoutMs" }),
    );
    expect(limiter.check("alice").allowed).toBe(true);
  });

  test("checks ids and leases before the store is asked", () => {
    const { limiter } = stage({ type: "count", window: "minute", limit: 5 });
    for (const call of [
      () => limiter.reserve("alice", undefined, { leaseMs: 0 }),
      () => limiter.reserve("alice", undefined, { leaseMs: 86_400_001 }),
      () => limiter.reserve("alice", undefined, { id: "" }),
      () => limiter.settle("", { count: 1 }),
      () => limiter.renew("r", Number.NaN),
    ]) {
      expect(call).toThrow(expect.objectContaining({ code: "INVALID_ARGUMENT" }));
    }
    expect(limiter.usage("alice")[0]?.current).toBe(0);
  });

  test("answers with plain values on a synchronous store and with promises on another", async () => {
    const clock = manualClock();
    const limits: readonly LimitInput[] = [{ type: "count", window: "minute", limit: 1 }];
    const limiter = createLimiter({ limits, store: remote(clock) });
    expect(limiter.synchronous).toBe(false);
    const pending = limiter.reserve("alice");
    expect(pending).toBeInstanceOf(Promise);
    const { reservation } = await pending;
    expect(await limiter.settle(reservation?.id ?? "", { count: 2 })).toMatchObject({
      applied: true,
    });
    expect((await limiter.usage("alice"))[0]).toMatchObject({ current: 2, debt: 1 });
    expect((await limiter.check("alice")).retryAfterMs).toBe(120_000);
    await limiter.reset("alice");
    expect(await limiter.resetExpired()).toBe(0);
    await limiter.close();
    expect(stage(...limits).limiter.synchronous).toBe(true);
  });

  test("passes a callback's exception on, and charges nothing", () => {
    const { limiter } = stage({
      type: "count",
      window: "minute",
      limit: 5,
      when: (subject) => {
        if (subject === "buggy") throw new RangeError("bug");
        return true;
      },
    });
    expect(() => limiter.checkAndRecord("buggy")).toThrow(RangeError);
    expect(limiter.checkAndRecord("alice").allowed).toBe(true);
  });

  test("shows a decision whole when it is logged", () => {
    const { limiter } = stage({ type: "count", window: "minute", limit: 1 });
    limiter.checkAndRecord("alice");
    const shown: unknown = JSON.parse(JSON.stringify(limiter.checkAndRecord("alice")));
    expect(shown).toMatchObject({
      outcome: "refused",
      refusedBy: ["count-per-minute-caller"],
      retryAfterMs: 60_000,
      usages: [{ current: 1, max: 1 }],
    });
  });

  test("keeps a decision as it was, whatever is charged later", () => {
    const { limiter } = stage({ type: "count", window: "minute", limit: 9 });
    const first = limiter.checkAndRecord("alice");
    limiter.checkAndRecord("alice", { count: 5 });
    expect(first.usages[0]?.current).toBe(1);
  });

  test("names a bucket and a window of one type, and shows usages as they are configured", () => {
    const { limiter } = stage(
      { type: "count", window: "minute", limit: 5, scope: "user" },
      { type: "count", window: "minute", limit: 5, scope: "tenant" },
      { type: "count", rate: 1, capacity: 5, scope: "user" },
    );
    const { usages } = limiter.check({ user: "u", tenant: "t" });
    expect(usages.map(({ limit }) => limit)).toEqual([
      "count-per-minute-user",
      "count-per-minute-tenant",
      "count-bucket-user",
    ]);
  });
});
