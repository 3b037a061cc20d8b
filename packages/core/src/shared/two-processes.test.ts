import { describe, expect, test } from "@jest/globals";

import { createLimiter } from "../limiter/create-limiter.ts";
import type { LimitInput } from "../policy/limit-input.ts";
import { GRACE_MS } from "../reservation.ts";
import { manualClock } from "../testing/manual-clock.ts";
import { mapEngine, type Maps } from "./map-engine.test-support.ts";
import { sharedStore } from "./shared-store.ts";

const options = { maxBatch: 64, maxInFlight: 4, maxQueued: 1000 };

const limits: readonly LimitInput[] = [
  { type: "token", window: "hour", limit: 1000, scope: "user", name: "tokens" },
  {
    type: "count",
    window: "day",
    align: "calendar",
    timeZone: "Asia/Tokyo",
    limit: 5,
    scope: "tenant",
  },
];
const ann = { tenant: "acme", user: "ann" };

/** Two processes on the same database. */
function processes() {
  const clock = manualClock();
  const maps: Maps = { records: new Map(), reservations: new Map() };
  const start = () =>
    createLimiter({ limits, store: sharedStore(mapEngine(clock.now, maps, false), options) });
  return { clock, maps, here: start(), there: start() };
}

describe("processes that share a database", () => {
  test("D-RES-14 settle what the other reserved, under whatever numbers it was", async () => {
    const { here, there } = processes();
    const wide = here.override({ limits: { tokens: { limit: 2000 } } });
    const { reservation } = await wide.reserve(ann, { token: 1500 });
    const settled = await there.settle(reservation?.id ?? "", { token: 700 });
    expect(settled).toMatchObject({ outcome: "settled", applied: true, cost: { token: 700 } });
    expect((await here.usage(ann)).map(({ current }) => current)).toEqual([700, 0]);
    expect(await here.settle(reservation?.id ?? "", { token: 9 })).toEqual({
      ...settled,
      applied: false,
    });
  });

  test("renew what the other reserved, and see who runs there", async () => {
    const { clock, here, there } = processes();
    const { reservation } = await here.reserve(ann, { token: 10, count: 1 }, { leaseMs: 1000 });
    const id = reservation?.id ?? "";
    clock.advance(999);
    expect(await there.renew(id, 5000)).toBe(true);
    const open = [
      {
        id,
        held: { token: 10, count: 1 },
        takenAtMs: clock.now() - 999,
        leaseEndsAtMs: clock.now() + 5000,
      },
    ];
    expect(await there.reservations({ tenant: "acme" })).toEqual(open);
    expect(await there.reservations(ann)).toEqual(open);
    expect(await there.reservations({ tenant: "acme", user: "bob" })).toEqual([]);
    expect(await there.reservations({ user: "ann" })).toEqual([]);
    await there.release(id);
    expect(await here.reservations(ann)).toEqual([]);
  });

  test("one that remembers what an id was used for before does not settle by that", async () => {
    const { clock, here, there } = processes();
    const first = await here.reserve(ann, { token: 400 }, { id: "turn-1", leaseMs: 1 });
    clock.advance(GRACE_MS + 1);
    const second = await there.reserve(ann, { token: 100 }, { id: "turn-1" });
    expect(second.reservation?.id).toBe(first.reservation?.id);
    const settled = await here.settle(first.reservation?.id ?? "", { token: 30 });
    expect(settled).toMatchObject({ held: { token: 100 }, cost: { token: 30 }, applied: true });
    expect((await there.usage(ann))[0]?.current).toBe(30);
  });

  test("D-RES-13 a made-up id is unknown, whatever it holds", async () => {
    const { here } = processes();
    for (const id of ["r.nobody", "\0", "ü", "x".repeat(1000), "'; DROP TABLE"]) {
      expect(await here.settle(id, { token: 1 })).toMatchObject({ outcome: "unknown" });
      expect(await here.renew(id)).toBe(false);
    }
  });

  test("what a reservation is for is text in ASCII", async () => {
    const { maps, here } = processes();
    await here.reserve({ tenant: "Zoë \0 👩‍👩", user: "\uD800" }, { token: 1 });
    const [stored] = [...maps.reservations.values()];
    expect(stored?.details).toMatch(/^[\x20-\x7e]+$/);
  });
});
