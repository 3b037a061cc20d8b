import { describe, expect, test } from "@jest/globals";

import type { LimiterEvent } from "./events.ts";
import type { Limiter } from "./limiter.ts";
import { createLimiter } from "./limiter/create-limiter.ts";
import { type MemoryStore, memoryStore, type MemoryStoreOptions } from "./memory-store.ts";
import type { LimitInput } from "./policy/limit-input.ts";
import { type ManualClock, manualClock } from "./testing/manual-clock.ts";
import { storeContract } from "./testing/store-contract.ts";

describe("memoryStore keeps the store contract", () => {
  test.each(storeContract)("$name", ({ run }) => run(({ now }) => memoryStore({ clock: now })));
});

interface Stage {
  readonly clock: ManualClock;
  readonly store: MemoryStore;
  readonly limiter: Limiter<"sync">;
}

const perMinute = (limit: number): LimitInput => ({ type: "count", window: "minute", limit });

function stage(options: MemoryStoreOptions, limits: readonly LimitInput[] = [perMinute(2)]): Stage {
  const clock = manualClock();
  const store = memoryStore({ clock: clock.now, ...options });
  return { clock, store, limiter: createLimiter({ limits, store }) };
}

/** For subjects that name the scope. */
const only = (scope: string): Pick<LimitInput, "scope" | "whenMissing" | "when"> => ({
  scope,
  whenMissing: "shared",
  when: (subject) => typeof subject !== "string" && scope in subject,
});

describe("memoryStore makes room", () => {
  test("D-MEM-01 an offender is still refused after as many new ids as there is room for", () => {
    const { clock, store, limiter } = stage({ maxKeys: 100 });
    limiter.checkAndRecord("offender", { count: 2 });
    for (let n = 0; n < 100; n += 1) {
      clock.advance(1);
      expect(limiter.checkAndRecord(`new${String(n)}`).allowed).toBe(true);
      expect(limiter.checkAndRecord("offender").allowed).toBe(false);
    }
    expect(store.stats()).toMatchObject({ keys: 100, idleEvictions: 1, refusingEvictions: 0 });
  });

  test("D-MEM-01 nor by ten times as many ids, asked or not in between", () => {
    const { store, limiter } = stage({ maxKeys: 10 });
    limiter.checkAndRecord("offender", { count: 2 });
    for (let n = 0; n < 100; n += 1) limiter.checkAndRecord(`new${String(n)}`);
    expect(limiter.checkAndRecord("offender").allowed).toBe(false);
    expect(store.stats().keys).toBe(10);
  });

  test("D-MEM-01 when everybody is refusing, the one with the earliest reset goes", () => {
    const { clock, store, limiter } = stage({ maxKeys: 3 });
    for (const id of ["first", "second", "third"]) {
      limiter.checkAndRecord(id, { count: 2 });
      clock.advance(1000);
    }
    limiter.check("first");
    limiter.checkAndRecord("newcomer");
    expect(store.stats()).toMatchObject({ keys: 3, idleEvictions: 0, refusingEvictions: 1 });
    expect(limiter.check("first").allowed).toBe(true);
    expect(limiter.check("second").allowed).toBe(false);
    expect(limiter.check("third").allowed).toBe(false);
  });

  test("the earliest reset counts across scopes, also where it has moved since", () => {
    const { limiter, store } = stage({ maxKeys: 3 }, [
      { ...perMinute(2), ...only("user") },
      { type: "count", rate: 1, capacity: 50, ...only("session") },
    ]);
    limiter.checkAndRecord({ session: "s" }, { count: 50 });
    limiter.checkAndRecord({ user: "u" }, { count: 2 });
    limiter.checkAndRecord({ user: "idle" });
    limiter.checkAndRecord({ user: "v" }, { count: 2 });
    expect(store.stats()).toMatchObject({ idleEvictions: 1, refusingEvictions: 0 });
    // The session would have been admitted again first; now it is the last.
    limiter.record({ session: "s" }, { count: 50 });
    limiter.record({ session: "s" }, { count: 50 });
    limiter.checkAndRecord({ user: "w" }, { count: 2 });
    expect(store.stats()).toMatchObject({ idleEvictions: 1, refusingEvictions: 1 });
    expect(limiter.usage({ session: "s" })[0]?.current).toBe(150);
    expect(limiter.check({ user: "u" }).allowed).toBe(true);
  });

  test("a record that admits again is used up before one that still refuses", () => {
    const { clock, store, limiter } = stage({ maxKeys: 2 }, [
      { type: "count", rate: 1, capacity: 2 },
    ]);
    limiter.record("long", { count: 60 });
    limiter.checkAndRecord("short", { count: 2 });
    limiter.checkAndRecord("third", { count: 2 });
    expect(store.stats().refusingEvictions).toBe(1);
    clock.advance(1500);
    limiter.checkAndRecord("fourth", { count: 2 });
    expect(store.stats()).toMatchObject({ idleEvictions: 1, refusingEvictions: 1 });
    expect(limiter.check("long").allowed).toBe(false);
  });

  test("evictions are told to the limiter they concern, until it is closed", () => {
    const { store, limiter } = stage({ maxKeys: 1 });
    const events: LimiterEvent[] = [];
    const others: LimiterEvent[] = [];
    limiter.subscribe((event) => events.push(event));
    createLimiter({
      limits: [perMinute(1)],
      store,
      name: "other",
      onEvent: (event) => others.push(event),
    });
    limiter.record("a", { count: 1 });
    limiter.checkAndRecord("b", { count: 2 });
    limiter.checkAndRecord("c");
    const evictions = events.filter(({ type }) => type === "evicted");
    expect(evictions).toEqual([
      { type: "evicted", limiter: "default", scope: "caller", refusing: false },
      { type: "evicted", limiter: "default", scope: "caller", refusing: true },
    ]);
    expect(others).toEqual([]);
    limiter.close();
    store.close();
  });

  test("a subject with an open reservation is not evicted, and does not count", () => {
    const { clock, store, limiter } = stage({ maxKeys: 2 }, [perMinute(100)]);
    const { reservation } = limiter.reserve("busy", { count: 5 }, { leaseMs: 10_000 });
    for (let n = 0; n < 20; n += 1) limiter.checkAndRecord(`new${String(n)}`);
    expect(store.stats()).toMatchObject({ keys: 2, leasedKeys: 1, openReservations: 1 });
    expect(limiter.usage("busy")[0]?.current).toBe(5);
    clock.advance(5000);
    limiter.settle(reservation?.id ?? "", { count: 1 });
    expect(limiter.usage("busy")[0]?.current).toBe(1);
    for (let n = 0; n < 3; n += 1) limiter.checkAndRecord(`more${String(n)}`);
    expect(store.stats()).toMatchObject({ keys: 2, leasedKeys: 0, openReservations: 0 });
  });

  test("subjects whose reservations have ended are not kept beyond the bound", () => {
    const { store, limiter } = stage({ maxKeys: 5, maxReservations: 5 }, [perMinute(100)]);
    for (let n = 0; n < 200; n += 1) {
      const { reservation } = limiter.reserve(`u${String(n)}`);
      limiter.settle(reservation?.id ?? "", { count: 1 });
    }
    expect(store.stats()).toMatchObject({ keys: 5, leasedKeys: 0, openReservations: 0 });
  });

  test("a lost reservation makes room for a new one once its grace is over", () => {
    const { clock, store, limiter } = stage({ maxReservations: 2 }, [perMinute(100)]);
    limiter.reserve("a", { count: 1 }, { leaseMs: 1000 });
    limiter.reserve("b", { count: 1 }, { leaseMs: 5000 });
    expect(() => limiter.reserve("c")).toThrow(
      expect.objectContaining({
        code: "STORE_FAILED",
        cause: expect.objectContaining({ code: "RESERVATIONS_FULL" }),
      }),
    );
    expect(limiter.usage("c")[0]?.current).toBe(0);
    clock.advance(3_601_000);
    expect(limiter.reserve("c").allowed).toBe(true);
    expect(() => limiter.reserve("d")).toThrow("the store failed to reserve");
    expect(store.stats().openReservations).toBe(2);
  });

  test("of ended reservations as many are remembered as may be open", () => {
    const { limiter } = stage({ maxReservations: 2 }, [perMinute(100)]);
    const ids = [1, 2, 3].map(() => {
      const { reservation } = limiter.reserve("a");
      const id = reservation?.id ?? "";
      limiter.release(id);
      return id;
    });
    expect(ids.map((id) => limiter.release(id).outcome)).toEqual([
      "unknown",
      "released",
      "released",
    ]);
  });

  test("many reservations that come and go leave no deadlines behind", () => {
    const { store, limiter } = stage({ maxReservations: 10 }, [perMinute(100_000)]);
    for (let n = 0; n < 1000; n += 1) {
      const { reservation } = limiter.reserve("a");
      limiter.release(reservation?.id ?? "");
    }
    expect(store.stats()).toMatchObject({ keys: 1, openReservations: 0 });
  });
});

/** How many timers the process waits for. */
const timers = (): number =>
  process.getActiveResourcesInfo().filter((kind) => kind === "Timeout").length;

describe("memoryStore forgets what has expired", () => {
  test("D-MEM-02 100,000 ids of 1 s windows leave nothing, and there is no timer", () => {
    const before = timers();
    const { clock, store, limiter } = stage({}, [{ type: "count", window: "1s", limit: 5 }]);
    for (let n = 0; n < 100_000; n += 1) {
      if (n % 100 === 0) clock.advance(1);
      limiter.checkAndRecord(`id${String(n)}`);
    }
    expect(store.stats()).toMatchObject({ keys: 100_000, idleEvictions: 0 });
    expect(timers()).toBe(before);
    // New ids push out the dead faster than they come.
    clock.advance(1000);
    for (let n = 0; n < 30_000; n += 1) limiter.checkAndRecord(`late${String(n)}`);
    expect(store.stats().keys).toBeLessThanOrEqual(30_000);
    clock.advance(1000);
    expect(limiter.resetExpired()).toBeGreaterThan(0);
    expect(store.stats()).toMatchObject({ keys: 0, leasedKeys: 0, idleEvictions: 0 });
  });

  test("an id whose record expired starts anew, reservations and refusals included", () => {
    const { clock, store, limiter } = stage({ maxKeys: 2 }, [
      { type: "count", window: "1s", limit: 5 },
    ]);
    for (let round = 0; round < 200; round += 1) {
      limiter.checkAndRecord("refusing", { count: 5 });
      limiter.reserve("leased", { count: 5 }, { leaseMs: 1 });
      limiter.checkAndRecord("third");
      clock.advance(1000);
      expect(limiter.usage("refusing")[0]?.current).toBe(0);
      expect(limiter.usage("leased")[0]?.current).toBe(0);
    }
    limiter.resetExpired();
    expect(store.stats().keys).toBe(0);
  });
});
