import assert from "node:assert/strict";

import type { LimitInput } from "../../policy/limit-input.ts";
import {
  admitted,
  type ContractCase,
  failure,
  perMinute,
  refused,
  reserved,
  stage,
  together,
  tokens,
  usageOf,
  used,
} from "./contract-case.ts";

const perHour = (limit: number): LimitInput => ({ type: "count", window: "hour", limit });

/** What reservations and their settlement promise. */
export const reservationCases: readonly ContractCase[] = [
  {
    name: "a reset is final also for a reservation from before that was renewed for long",
    async run(makeStore) {
      const HOUR_MS = 3_600_000;
      const { clock, limiter } = await stage(makeStore, [
        { type: "count", rate: 0.000001, capacity: 100 },
      ]);
      const { id } = await reserved(limiter.reserve("alice", { count: 50 }, { leaseMs: 1000 }));
      await limiter.reset("alice");
      assert.equal(await limiter.renew(id, 2 * HOUR_MS), true);
      clock.advance(1.5 * HOUR_MS);
      await limiter.record("alice", { count: 80 });
      await limiter.settle(id, { count: 0 });
      assert.equal(await used(limiter, "alice"), 80);
    },
  },
  {
    name: "D-RES-01 a refund reaches only the window that was charged",
    async run(makeStore) {
      const { clock, limiter } = await stage(makeStore, [tokens(1000, "minute")]);
      const hold = await reserved(limiter.reserve("alice", { token: 800 }));
      clock.advance(61_000);
      await admitted(limiter.checkAndRecord("alice", { token: 100 }));
      clock.advance(1000);
      const { applied } = await limiter.settle(hold.id, { token: 200 });
      assert.equal(applied, true);
      assert.equal(await used(limiter, "alice"), 100);
      assert.equal((await limiter.check("alice", { token: 901 })).outcome, "refused");
      await admitted(limiter.checkAndRecord("alice", { token: 900 }));
    },
  },
  {
    name: "D-RES-01 a late release adds nothing and leaves no cell behind",
    async run(makeStore) {
      const { clock, limiter } = await stage(makeStore, [tokens(1000, "minute")]);
      const hold = await reserved(limiter.reserve("alice", { token: 800 }));
      clock.advance(61_000);
      await limiter.resetExpired();
      await limiter.release(hold.id);
      assert.equal(await used(limiter, "alice"), 0);
      clock.advance(86_400_000);
      assert.equal(await limiter.resetExpired(), 0);
    },
  },
  {
    name: "D-RES-02 an overrun that comes after the window is booked to the current one",
    async run(makeStore) {
      const { clock, startMs, limiter } = await stage(makeStore, [tokens(1000, "minute")]);
      const hold = await reserved(limiter.reserve("alice", { token: 100 }));
      clock.advance(61_000);
      await limiter.settle(hold.id, { token: 900 });
      const usage = await usageOf(limiter, "alice");
      assert.deepEqual([usage.current, usage.resetsAtMs], [800, startMs + 121_000]);
    },
  },
  {
    name: "D-RES-03 an overrun is booked in full and refuses the next call",
    async run(makeStore) {
      const { clock, limiter } = await stage(makeStore, [tokens(1000, "minute")]);
      const hold = await reserved(limiter.reserve("alice", { token: 100 }));
      await limiter.settle(hold.id, { token: 5000 });
      const usage = await usageOf(limiter, "alice");
      assert.deepEqual([usage.current, usage.debt, usage.remaining], [5000, 4000, 0]);
      // Debt fills the next window too (design §10).
      await refused(limiter.checkAndRecord("alice", { token: 1 }), 120_000);
      clock.advance(120_000);
      await admitted(limiter.checkAndRecord("alice", { token: 1000 }));
    },
  },
  {
    name: "D-RES-04 the unused part of an estimate is given back at once",
    async run(makeStore) {
      const { limiter } = await stage(makeStore, [tokens(1000, "minute")]);
      const hold = await reserved(limiter.reserve("alice", { token: 1000 }));
      await limiter.settle(hold.id, { token: 400 });
      assert.equal(await used(limiter, "alice"), 400);
      await admitted(limiter.checkAndRecord("alice", { token: 600 }));
    },
  },
  {
    name: "D-RES-05a of settlements and releases that run together exactly one is booked",
    async run(makeStore) {
      const { limiter } = await stage(makeStore, [tokens(1000, "minute")]);
      const hold = await reserved(limiter.reserve("alice", { token: 500 }));
      const endings = await together(3, (n) =>
        n < 2 ? limiter.settle(hold.id, { token: 300 }) : limiter.release(hold.id),
      );
      assert.equal(endings.filter(({ applied }) => applied).length, 1);
      assert.equal(new Set(endings.map(({ outcome }) => outcome)).size, 1);
      const booked = endings[0]?.outcome === "settled" ? 300 : 0;
      assert.ok(endings.every(({ cost }) => cost["token"] === booked));
      assert.ok(endings.every(({ held }) => held["token"] === 500));
      assert.equal(await used(limiter, "alice"), booked);
    },
  },
  {
    name: "D-RES-05b parallel settlements lose none of each other",
    async run(makeStore) {
      const { limiter } = await stage(makeStore, [tokens(10_000, "minute")]);
      const holds = await together(16, async () =>
        reserved(limiter.reserve("alice", { token: 100 })),
      );
      await together(16, (n) => limiter.settle(holds[n]?.id ?? "", { token: 90 }));
      assert.equal(await used(limiter, "alice"), 1600 - 160);
    },
  },
  {
    name: "D-RES-05c the first outcome stands, whatever is said later",
    async run(makeStore) {
      const { limiter } = await stage(makeStore, [tokens(1000, "minute")]);
      const hold = await reserved(limiter.reserve("alice", { token: 500 }));
      assert.deepEqual(await limiter.release(hold.id), {
        outcome: "released",
        applied: true,
        held: { token: 500 },
        cost: { token: 0 },
      });
      assert.deepEqual(await limiter.settle(hold.id, { token: 900 }), {
        outcome: "released",
        applied: false,
        held: { token: 500 },
        cost: { token: 0 },
      });
      assert.equal(await used(limiter, "alice"), 0);
    },
  },
  {
    name: "D-RES-07 the end of a lease refunds nothing, and settling late counts once",
    async run(makeStore) {
      const { clock, limiter } = await stage(makeStore, [perHour(1000)]);
      const decision = limiter.reserve("alice", { count: 800 }, { leaseMs: 60_000 });
      const hold = await reserved(decision);
      clock.advance(150_000);
      await refused(limiter.checkAndRecord("alice", { count: 300 }), 3_450_000);
      clock.advance(50_000);
      const first = await limiter.settle(hold.id, { count: 900 });
      const second = await limiter.settle(hold.id, { count: 900 });
      assert.deepEqual([first.applied, second.applied], [true, false]);
      assert.equal(await used(limiter, "alice"), 900);
    },
  },
  {
    name: "D-RES-08 a hold that nobody settles ages out with its window",
    async run(makeStore) {
      const { clock, limiter } = await stage(makeStore, [tokens(1000, "minute")]);
      await admitted(limiter.reserve("alice", { token: 600 }));
      for (let second = 0; second < 59; second += 1) {
        clock.advance(1000);
        const other = await reserved(limiter.reserve("alice", { token: 10 }));
        await limiter.release(other.id);
      }
      clock.advance(1000);
      await admitted(limiter.checkAndRecord("alice", { token: 1000 }));
    },
  },
  {
    name: "D-RES-10a the same id and cost repeat the answer without a second charge",
    async run(makeStore) {
      const { clock, limiter } = await stage(makeStore, [perMinute(15)]);
      const first = await reserved(limiter.reserve("alice", { count: 10 }, { id: "r1" }));
      clock.advance(1000);
      const again = await reserved(limiter.reserve("alice", { count: 10 }, { id: "r1" }));
      assert.deepEqual(again, first);
      assert.equal(await used(limiter, "alice"), 10);
      await limiter.settle(first.id, { count: 4 });
      assert.deepEqual(
        await reserved(limiter.reserve("alice", { count: 10 }, { id: "r1" })),
        first,
      );
      assert.equal(await used(limiter, "alice"), 4);
    },
  },
  {
    name: "D-RES-10b the same id with another cost is an error and charges nothing",
    async run(makeStore) {
      const { limiter } = await stage(makeStore, [perMinute(1000)]);
      await admitted(limiter.reserve("alice", { count: 10 }, { id: "r1" }));
      const error = await failure(() => limiter.reserve("alice", { count: 500 }, { id: "r1" }));
      assert.equal(error.code, "RESERVATION_CONFLICT");
      assert.equal(await used(limiter, "alice"), 10);
    },
  },
  {
    name: "D-RES-10c an id that was refused is decided anew",
    async run(makeStore) {
      const { clock, limiter } = await stage(makeStore, [perMinute(10)]);
      await admitted(limiter.checkAndRecord("alice", { count: 5 }));
      await refused(limiter.reserve("alice", { count: 10 }, { id: "r1" }), 60_000);
      await refused(limiter.reserve("alice", { count: 10 }, { id: "r1" }), 60_000);
      clock.advance(60_000);
      await admitted(limiter.reserve("alice", { count: 10 }, { id: "r1" }));
      assert.equal(await used(limiter, "alice"), 10);
    },
  },
  {
    name: "D-RES-10d the same id of another subject is another reservation",
    async run(makeStore) {
      const { limiter } = await stage(makeStore, [perMinute(10)]);
      const alice = await reserved(limiter.reserve("alice", { count: 10 }, { id: "r1" }));
      const bob = await reserved(limiter.reserve("bob", { count: 3 }, { id: "r1" }));
      assert.notEqual(alice.id, bob.id);
      await limiter.release(bob.id);
      assert.equal(await used(limiter, "alice"), 10);
    },
  },
  {
    name: "D-RES-10d an id is the subject's own even where only its tenant is limited",
    async run(makeStore) {
      const { limiter } = await stage(makeStore, [{ ...perMinute(10), scope: "tenant" }]);
      await admitted(limiter.reserve({ tenant: "acme", user: "u" }, { count: 4 }, { id: "r1" }));
      await admitted(limiter.reserve({ tenant: "acme", user: "v" }, { count: 4 }, { id: "r1" }));
      assert.equal(await used(limiter, { tenant: "acme" }), 8);
    },
  },
  {
    name: "D-RES-10e simultaneous reservations of one id charge once",
    async run(makeStore) {
      const { limiter } = await stage(makeStore, [perMinute(100)]);
      const holds = await together(10, async () =>
        reserved(limiter.reserve("alice", { count: 10 }, { id: "r1" })),
      );
      assert.equal(new Set(holds.map(({ id }) => id)).size, 1);
      assert.equal(await used(limiter, "alice"), 10);
    },
  },
  {
    name: "D-RES-12 one reservation over several upstream calls settles to their sum",
    async run(makeStore) {
      const { limiter } = await stage(makeStore, [perMinute(10), tokens(1000, "hour")]);
      const hold = await reserved(limiter.reserve("alice", { count: 1, token: 100 }));
      await limiter.settle(hold.id, { token: 40 + 70 + 90 });
      assert.equal(await used(limiter, "alice", "count-per-minute-caller"), 1);
      assert.equal(await used(limiter, "alice", "token-per-hour-caller"), 200);
    },
  },
  {
    name: "D-RES-13 an invented reservation id changes nothing",
    async run(makeStore) {
      const { limiter } = await stage(makeStore, [perMinute(10)]);
      const hold = await reserved(limiter.reserve("alice", { count: 5 }));
      for (const id of ["r1", `${hold.id} `, hold.id.toUpperCase(), `${hold.id}\0`]) {
        const ending = await limiter.release(id);
        assert.deepEqual(ending, { outcome: "unknown", applied: false, held: {}, cost: {} });
      }
      assert.equal(await used(limiter, "alice"), 5);
    },
  },
  {
    name: "a settlement after the grace is unknown and charges nothing",
    async run(makeStore) {
      const { clock, limiter } = await stage(makeStore, [
        { type: "count", window: "day", limit: 100 },
      ]);
      const hold = await reserved(limiter.reserve("alice", { count: 10 }, { leaseMs: 60_000 }));
      const other = await reserved(limiter.reserve("bob", { count: 10 }, { leaseMs: 60_000 }));
      clock.advance(60_000 + 3_600_000 - 1);
      assert.equal((await limiter.settle(other.id, { count: 30 })).outcome, "settled");
      clock.advance(1);
      assert.equal((await limiter.settle(hold.id, { count: 30 })).outcome, "unknown");
      assert.equal(await used(limiter, "alice"), 10);
      assert.equal(await used(limiter, "bob"), 30);
    },
  },
  {
    name: "held is what open reservations hold, and nothing once their leases are over",
    async run(makeStore) {
      const { clock, limiter } = await stage(makeStore, [perHour(100)]);
      const first = await reserved(limiter.reserve("alice", { count: 10 }, { leaseMs: 60_000 }));
      await admitted(limiter.reserve("alice", { count: 20 }, { leaseMs: 60_000 }));
      await admitted(limiter.checkAndRecord("alice", { count: 5 }));
      assert.equal((await usageOf(limiter, "alice")).held, 30);
      await limiter.settle(first.id, { count: 1 });
      const settled = await usageOf(limiter, "alice");
      assert.deepEqual([settled.held, settled.current], [20, 26]);
      clock.advance(60_000);
      const lapsed = await usageOf(limiter, "alice");
      assert.deepEqual([lapsed.held, lapsed.current], [0, 26]);
    },
  },
  {
    name: "a lease can be renewed while it lives, never shortened, and not once it ended",
    async run(makeStore) {
      const { clock, limiter } = await stage(makeStore, [perHour(100)]);
      const hold = await reserved(limiter.reserve("alice", { count: 10 }, { leaseMs: 60_000 }));
      clock.advance(59_999);
      assert.equal(await limiter.renew(hold.id, 60_000), true);
      clock.advance(59_999);
      assert.equal((await usageOf(limiter, "alice")).held, 10);
      assert.equal(await limiter.renew(hold.id, 1), true);
      assert.equal((await usageOf(limiter, "alice")).held, 10);
      clock.advance(1);
      assert.equal(await limiter.renew(hold.id, 60_000), false);
      assert.equal((await usageOf(limiter, "alice")).held, 0);
      const other = await reserved(limiter.reserve("alice"));
      await limiter.release(other.id);
      assert.equal(await limiter.renew(other.id), false);
      assert.equal(await limiter.renew("nobody's"), false);
    },
  },
  {
    name: "after a reset an older reservation gives nothing back",
    async run(makeStore) {
      for (const limit of [perHour(100), { type: "count", rate: 0.01, capacity: 100 }]) {
        const { limiter } = await stage(makeStore, [limit]);
        const hold = await reserved(limiter.reserve("alice", { count: 40 }));
        await limiter.reset("alice");
        assert.equal(await used(limiter, "alice"), 0);
        await admitted(limiter.checkAndRecord("alice", { count: 50 }));
        const ending = await limiter.settle(hold.id, { count: 10 });
        assert.equal(ending.applied, true);
        assert.equal(await used(limiter, "alice"), 50);
      }
    },
  },
  {
    name: "after a reset an older reservation's overrun is booked",
    async run(makeStore) {
      const { limiter } = await stage(makeStore, [perHour(100)]);
      const hold = await reserved(limiter.reserve("alice", { count: 40 }));
      await limiter.reset("alice");
      await admitted(limiter.checkAndRecord("alice", { count: 50 }));
      await limiter.settle(hold.id, { count: 45 });
      assert.equal(await used(limiter, "alice"), 55);
    },
  },
  {
    name: "a reset while the bucket is full again still ends an older reservation's refund",
    async run(makeStore) {
      const { clock, limiter } = await stage(makeStore, [{ type: "count", rate: 1, capacity: 10 }]);
      const hold = await reserved(limiter.reserve("alice", { count: 10 }));
      clock.advance(20_000);
      await limiter.resetExpired();
      await limiter.reset("alice");
      await admitted(limiter.checkAndRecord("alice", { count: 10 }));
      await limiter.release(hold.id);
      assert.equal(await used(limiter, "alice"), 10);
    },
  },
  {
    name: "settling through a limiter with other numbers ends the reservation as it was taken",
    async run(makeStore) {
      const { limiter } = await stage(makeStore, [{ ...perMinute(100), name: "burst" }]);
      const hold = await reserved(limiter.reserve("alice", { count: 40 }));
      const narrow = limiter.override({ limits: { burst: { limit: 10 } } });
      await narrow.settle(hold.id, { count: 7 });
      const usage = await usageOf(narrow, "alice");
      assert.deepEqual([usage.current, usage.max, usage.remaining], [7, 10, 3]);
    },
  },
  {
    name: "settling leaves what taking the real cost would have left",
    async run(makeStore) {
      const limits: readonly LimitInput[] = [
        perMinute(50),
        tokens(1000, "hour"),
        { type: "token", rate: 1, capacity: 500 },
      ];
      const { limiter } = await stage(makeStore, limits);
      const hold = await reserved(limiter.reserve("alice", { count: 1, token: 300 }));
      await limiter.settle(hold.id, { token: 120 });
      await admitted(limiter.checkAndRecord("bob", { count: 1, token: 120 }));
      const [alice, bob] = await Promise.all([limiter.usage("alice"), limiter.usage("bob")]);
      const withoutId = bob.map((usage) => ({ ...usage, id: "alice" }));
      assert.deepEqual(alice, withoutId);
    },
  },
];
