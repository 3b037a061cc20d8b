import assert from "node:assert/strict";

import {
  admitted,
  type ContractCase,
  countAdmitted,
  refused,
  reserved,
  stage,
  together,
  usageOf,
  used,
} from "./contract-case.ts";

/** What buckets promise. */
export const bucketCases: readonly ContractCase[] = [
  {
    name: "D-BKT-01 a refusal takes nothing out of the bucket",
    async run(makeStore) {
      const { clock, limiter } = await stage(makeStore, [
        { type: "count", rate: 10, capacity: 10 },
      ]);
      const decisions = await together(105, () => limiter.checkAndRecord("alice", { count: 4 }));
      assert.equal(countAdmitted(decisions), 2);
      assert.equal((await usageOf(limiter, "alice")).remaining, 2);
      clock.advance(200);
      await admitted(limiter.checkAndRecord("alice", { count: 4 }));
    },
  },
  {
    name: "D-BKT-02 fractions survive being looked at",
    async run(makeStore) {
      const { clock, limiter } = await stage(makeStore, [{ type: "count", rate: 1, capacity: 1 }]);
      await admitted(limiter.checkAndRecord("alice"));
      for (let look = 1; look <= 9; look += 1) {
        clock.advance(100);
        await refused(limiter.checkAndRecord("alice"), 1000 - 100 * look);
      }
      clock.advance(100);
      await admitted(limiter.checkAndRecord("alice"));
    },
  },
  {
    name: "D-BKT-03 a clock that steps back credits no interval twice",
    async run(makeStore) {
      const { clock, startMs, limiter } = await stage(makeStore, [
        { type: "count", rate: 1, capacity: 3 },
      ]);
      clock.set(startMs + 10_000);
      await admitted(limiter.checkAndRecord("alice", { count: 3 }));
      clock.set(startMs + 5000);
      await refused(limiter.checkAndRecord("alice"), 1000);
      clock.set(startMs + 10_000);
      await refused(limiter.checkAndRecord("alice"), 1000);
      clock.set(startMs + 11_000);
      assert.equal((await usageOf(limiter, "alice")).remaining, 1);
      await admitted(limiter.checkAndRecord("alice"));
      await refused(limiter.checkAndRecord("alice"), 1000);
    },
  },
  {
    name: "D-BKT-04 a rate that is no whole number per millisecond is kept exactly",
    async run(makeStore) {
      const { clock, limiter } = await stage(makeStore, [
        { type: "token", rate: 7500, capacity: 1000 },
      ]);
      await admitted(limiter.checkAndRecord("alice", { token: 1000 }));
      let granted = 0;
      for (let ms = 0; ms < 2000; ms += 1) {
        clock.advance(1);
        const { remaining } = await usageOf(limiter, "alice");
        if (remaining === 0) continue;
        await admitted(limiter.checkAndRecord("alice", { token: remaining }));
        granted += remaining;
      }
      assert.equal(granted, 15_000);
    },
  },
  {
    name: "D-BKT-05 the wait is rounded up to the first millisecond that admits",
    async run(makeStore) {
      const { clock, limiter } = await stage(makeStore, [{ type: "count", rate: 3, capacity: 5 }]);
      await admitted(limiter.checkAndRecord("alice", { count: 5 }));
      await refused(limiter.checkAndRecord("alice"), 334);
      clock.advance(333);
      await refused(limiter.checkAndRecord("alice"), 1);
      clock.advance(1);
      await admitted(limiter.checkAndRecord("alice"));
    },
  },
  {
    name: "D-BKT-06 a larger capacity at the same rate adds just the difference",
    async run(makeStore) {
      const { limiter } = await stage(makeStore, [
        { type: "count", rate: 1, capacity: 10, name: "burst" },
      ]);
      await admitted(limiter.checkAndRecord("alice", { count: 6 }));
      const wider = limiter.override({ limits: { burst: { capacity: 20 } } });
      assert.equal((await usageOf(wider, "alice")).remaining, 14);
    },
  },
  {
    name: "D-BKT-06 another rate keeps what was spent",
    async run(makeStore) {
      const { clock, limiter } = await stage(makeStore, [
        { type: "count", rate: 1, capacity: 10, name: "burst" },
      ]);
      await admitted(limiter.checkAndRecord("alice", { count: 6 }));
      const faster = limiter.override({ limits: { burst: { rate: 2.5 } } });
      assert.equal(await used(faster, "alice"), 6);
      clock.advance(400);
      assert.equal(await used(faster, "alice"), 5);
    },
  },
  {
    name: "D-RES-16 a bucket is refilled before it is settled",
    async run(makeStore) {
      const { clock, limiter } = await stage(makeStore, [
        { type: "count", rate: 10, capacity: 100 },
      ]);
      const hold = await reserved(limiter.reserve("alice", { count: 50 }));
      clock.advance(10_000);
      await limiter.settle(hold.id, { count: 80 });
      assert.equal((await usageOf(limiter, "alice")).remaining, 70);
    },
  },
  {
    name: "D-RES-16 a release never lifts a bucket above its capacity",
    async run(makeStore) {
      const { clock, limiter } = await stage(makeStore, [
        { type: "count", rate: 10, capacity: 100 },
      ]);
      const hold = await reserved(limiter.reserve("alice", { count: 50 }));
      clock.advance(2000);
      await limiter.release(hold.id);
      assert.equal((await usageOf(limiter, "alice")).remaining, 100);
      await admitted(limiter.checkAndRecord("alice", { count: 100 }));
      await refused(limiter.checkAndRecord("alice"), 100);
    },
  },
  {
    name: "an overrun takes a bucket below zero, and time repays it",
    async run(makeStore) {
      const { clock, startMs, limiter } = await stage(makeStore, [
        { type: "count", rate: 1, capacity: 10 },
      ]);
      const hold = await reserved(limiter.reserve("alice", { count: 4 }));
      await limiter.settle(hold.id, { count: 25 });
      const owing = await usageOf(limiter, "alice");
      assert.deepEqual(
        [owing.current, owing.remaining, owing.debt, owing.resetsAtMs],
        [25, 0, 15, startMs + 25_000],
      );
      await refused(limiter.check("alice"), 16_000);
      clock.advance(16_000);
      await admitted(limiter.checkAndRecord("alice"));
    },
  },
  {
    name: "a bucket whose debt is forgiven is empty after an overrun, not below",
    async run(makeStore) {
      const { limiter } = await stage(makeStore, [
        { type: "count", rate: 1, capacity: 10, debt: "forgive" },
      ]);
      await limiter.record("alice", { count: 25 });
      assert.equal((await usageOf(limiter, "alice")).debt, 0);
      await refused(limiter.check("alice"), 1000);
    },
  },
  {
    name: "what reservations hold is never more than what is used",
    async run(makeStore) {
      const { clock, limiter } = await stage(makeStore, [{ type: "count", rate: 1, capacity: 10 }]);
      await admitted(limiter.reserve("alice", { count: 5 }));
      clock.advance(3000);
      const { current, held } = await usageOf(limiter, "alice");
      assert.deepEqual([current, held], [2, 2]);
    },
  },
];
