import assert from "node:assert/strict";

import {
  admitted,
  type ContractCase,
  perMinute,
  refused,
  reserved,
  stage,
  tokens,
  usageOf,
  used,
} from "./contract-case.ts";

const DAY_MS = 86_400_000;

/** What windows promise about time. */
export const windowCases: readonly ContractCase[] = [
  {
    name: "D-WIN-01 a window of 30 days neither ends early nor overflows",
    async run(makeStore) {
      const { clock, limiter } = await stage(makeStore, [
        { type: "count", window: "month", limit: 2 },
      ]);
      let admissions = 0;
      for (let call = 0; call < 10; call += 1) {
        if ((await limiter.checkAndRecord("alice")).allowed) admissions += 1;
      }
      assert.equal(admissions, 2);
      clock.advance(25 * DAY_MS);
      await refused(limiter.checkAndRecord("alice"), 5 * DAY_MS);
      clock.advance(5 * DAY_MS);
      await admitted(limiter.checkAndRecord("alice"));
    },
  },
  {
    name: "D-WIN-02 a busy key still reaches the end of its window",
    async run(makeStore) {
      const { clock, limiter } = await stage(makeStore, [perMinute(5)]);
      for (let call = 0; call <= 20; call += 1) {
        const { usages } = await admitted(limiter.checkAndRecord("alice"));
        assert.ok((usages[0]?.current ?? 9) <= 2);
        clock.advance(30_000);
      }
    },
  },
  {
    name: "D-WIN-03 reading and writing agree about the instant of the end",
    async run(makeStore) {
      const { clock, startMs, limiter } = await stage(makeStore, [perMinute(2)]);
      await admitted(limiter.checkAndRecord("alice", { count: 2 }));
      clock.advance(59_999);
      await refused(limiter.check("alice"), 1);
      await refused(limiter.checkAndRecord("alice"), 1);
      const before = await usageOf(limiter, "alice");
      assert.deepEqual([before.current, before.resetsAtMs], [2, startMs + 60_000]);
      clock.advance(1);
      assert.equal(await used(limiter, "alice"), 0);
      await admitted(limiter.check("alice"));
      await admitted(limiter.checkAndRecord("alice"));
      const after = await usageOf(limiter, "alice");
      assert.deepEqual([after.current, after.resetsAtMs], [1, startMs + 120_000]);
    },
  },
  {
    name: "D-WIN-04 neither reading nor a call that is not charged opens a window",
    async run(makeStore) {
      const { clock, startMs, limiter } = await stage(makeStore, [perMinute(3)]);
      await limiter.usage("alice");
      await admitted(limiter.check("alice"));
      await admitted(limiter.checkAndRecord("alice", { count: 0 }));
      clock.advance(40_000);
      assert.equal((await limiter.checkAndRecord("alice", { count: 4 })).outcome, "impossible");
      clock.advance(10_000);
      await admitted(limiter.checkAndRecord("alice"));
      assert.equal((await usageOf(limiter, "alice")).resetsAtMs, startMs + 110_000);
    },
  },
  {
    name: "D-WIN-04 charging one limit opens no window of another",
    async run(makeStore) {
      const { clock, startMs, limiter } = await stage(makeStore, [
        perMinute(3),
        tokens(100, "minute"),
      ]);
      await admitted(limiter.checkAndRecord("alice", { count: 1 }));
      clock.advance(20_000);
      await admitted(limiter.checkAndRecord("alice", { count: 1, token: 5 }));
      const { resetsAtMs } = await usageOf(limiter, "alice", "token-per-minute-caller");
      assert.equal(resetsAtMs, startMs + 80_000);
    },
  },
  {
    name: "D-WIN-09 a refused call does not prolong the wait",
    async run(makeStore) {
      const { clock, limiter } = await stage(makeStore, [perMinute(1)]);
      await admitted(limiter.checkAndRecord("alice"));
      clock.advance(59_000);
      await refused(limiter.checkAndRecord("alice"), 1000);
      clock.advance(1000);
      await admitted(limiter.checkAndRecord("alice"));
    },
  },
  {
    name: "D-WIN-10 a window does not trickle back",
    async run(makeStore) {
      const { clock, limiter } = await stage(makeStore, [
        { type: "usd", window: "hour", limit: 10 },
      ]);
      for (let call = 0; call < 10; call += 1) {
        await admitted(limiter.checkAndRecord("alice", { usd: 1 }));
        clock.advance(6000);
      }
      clock.advance(58 * 60_000);
      await refused(limiter.checkAndRecord("alice", { usd: 1 }), 60_000);
      clock.advance(60_000);
      await admitted(limiter.checkAndRecord("alice", { usd: 10 }));
    },
  },
  {
    name: "a clock that steps back gives no quota and ends no window later",
    async run(makeStore) {
      const { clock, startMs, limiter } = await stage(makeStore, [perMinute(2)]);
      clock.advance(30_000);
      await admitted(limiter.checkAndRecord("alice", { count: 2 }));
      clock.set(startMs);
      const { decidedAtMs } = await refused(limiter.checkAndRecord("alice"), 60_000);
      assert.equal(decidedAtMs, startMs + 30_000);
      clock.set(startMs + 89_999);
      await refused(limiter.checkAndRecord("alice"), 1);
      clock.set(startMs + 90_000);
      await admitted(limiter.checkAndRecord("alice", { count: 2 }));
    },
  },
  {
    name: "a clock that was far ahead and is put right leaves no subject frozen, and usage kept",
    async run(makeStore) {
      const { clock, startMs, limiter } = await stage(makeStore, [perMinute(2)]);
      clock.advance(10 * DAY_MS);
      await admitted(limiter.checkAndRecord("alice", { count: 2 }));
      clock.set(startMs);
      await refused(limiter.checkAndRecord("alice"), 60_000);
      clock.advance(60_000);
      await admitted(limiter.checkAndRecord("alice"));
    },
  },
  {
    name: "a clock that jumped ahead in mid-window and is put right gives no quota",
    async run(makeStore) {
      const { clock, startMs, limiter } = await stage(makeStore, [
        { type: "count", window: "hour", limit: 2 },
      ]);
      await admitted(limiter.checkAndRecord("alice"));
      clock.set(startMs + 600_000);
      await admitted(limiter.checkAndRecord("alice"));
      clock.set(startMs + 1000);
      await refused(limiter.checkAndRecord("alice"), 3_599_000);
      clock.set(startMs + 3_599_999);
      await refused(limiter.checkAndRecord("alice"), 1);
      clock.set(startMs + 3_600_000);
      await admitted(limiter.checkAndRecord("alice"));
    },
  },
  {
    name: "debt is carried into one further window, which opens where the old one ended",
    async run(makeStore) {
      const { clock, startMs, limiter } = await stage(makeStore, [perMinute(10)]);
      await limiter.record("alice", { count: 17 });
      await refused(limiter.check("alice", { count: 3 }), 60_000);
      await refused(limiter.check("alice", { count: 4 }), 120_000);
      clock.advance(70_000);
      const carried = await usageOf(limiter, "alice");
      assert.deepEqual(
        [carried.current, carried.remaining, carried.debt, carried.resetsAtMs],
        [7, 3, 0, startMs + 120_000],
      );
      await admitted(limiter.checkAndRecord("alice", { count: 3 }));
      await refused(limiter.checkAndRecord("alice"), 50_000);
      clock.advance(50_000);
      assert.equal(await used(limiter, "alice"), 0);
    },
  },
  {
    name: "debt above one further window is forgiven, so no wait exceeds two windows",
    async run(makeStore) {
      const { clock, limiter } = await stage(makeStore, [perMinute(10)]);
      await limiter.record("alice", { count: 1000 });
      await refused(limiter.check("alice"), 120_000);
      clock.advance(60_000);
      assert.equal(await used(limiter, "alice"), 10);
      clock.advance(59_999);
      await refused(limiter.check("alice"), 1);
      clock.advance(1);
      await admitted(limiter.checkAndRecord("alice", { count: 10 }));
    },
  },
  {
    name: "debt that is forgiven ends with its window",
    async run(makeStore) {
      const { clock, limiter } = await stage(makeStore, [{ ...perMinute(10), debt: "forgive" }]);
      await limiter.record("alice", { count: 17 });
      await refused(limiter.check("alice", { count: 10 }), 60_000);
      clock.advance(60_000);
      await admitted(limiter.checkAndRecord("alice", { count: 10 }));
    },
  },
  {
    name: "a refund for the window just before lowers the debt it left, and no further",
    async run(makeStore) {
      const { clock, limiter } = await stage(makeStore, [perMinute(10)]);
      const hold = await reserved(limiter.reserve("alice", { count: 8 }));
      await limiter.record("alice", { count: 5 });
      clock.advance(60_000);
      assert.equal(await used(limiter, "alice"), 3);
      await admitted(limiter.checkAndRecord("alice", { count: 2 }));
      await limiter.settle(hold.id, { count: 6 });
      assert.equal(await used(limiter, "alice"), 3);
      const late = await reserved(limiter.reserve("alice", { count: 1 }));
      clock.advance(120_000);
      await limiter.release(late.id);
      assert.equal(await used(limiter, "alice"), 0);
    },
  },
];
