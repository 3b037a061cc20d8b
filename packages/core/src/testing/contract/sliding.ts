import assert from "node:assert/strict";

import type { LimitInput } from "../../policy/limit-input.ts";
import {
  admitted,
  type ContractCase,
  refused,
  reserved,
  stage,
  usageOf,
  used,
} from "./contract-case.ts";

const sliding = (limit: number): LimitInput => ({
  type: "count",
  window: "minute",
  limit,
  algorithm: "sliding",
});

const logged = (limit: number, maxEntries = 1000): LimitInput => ({
  type: "count",
  window: "minute",
  limit,
  algorithm: "sliding-log",
  maxEntries,
});

/** What windows promise that move with time. */
export const slidingCases: readonly ContractCase[] = [
  {
    name: "D-WIN-07 a sliding window rounds what is left of the one before up",
    async run(makeStore) {
      const { clock, limiter } = await stage(makeStore, [sliding(10)]);
      await admitted(limiter.checkAndRecord("alice", { count: 1 }));
      clock.advance(60_000);
      await admitted(limiter.checkAndRecord("alice", { count: 9 }));
      clock.advance(1000);
      await refused(limiter.checkAndRecord("alice"), 59_000);
    },
  },
  {
    name: "D-WIN-08 a sliding window tells the wait that it enforces",
    async run(makeStore) {
      const { clock, limiter } = await stage(makeStore, [sliding(10)]);
      await admitted(limiter.checkAndRecord("alice", { count: 2 }));
      clock.advance(66_000);
      await limiter.record("alice", { count: 9 });
      await refused(limiter.check("alice"), 54_000);
      clock.advance(53_999);
      await refused(limiter.checkAndRecord("alice"), 1);
      clock.advance(1);
      await admitted(limiter.checkAndRecord("alice"));
    },
  },
  {
    name: "D-DEC-03 a sliding window asks whether this cost fits",
    async run(makeStore) {
      for (const limit of [sliding(10), logged(10)]) {
        const { limiter } = await stage(makeStore, [limit]);
        await admitted(limiter.checkAndRecord("alice", { count: 9 }));
        assert.equal((await limiter.checkAndRecord("alice", { count: 9 })).outcome, "refused");
        assert.equal(await used(limiter, "alice"), 9);
      }
    },
  },
  {
    name: "a hold in a sliding window is settled where it was taken, also one window later",
    async run(makeStore) {
      const { clock, limiter } = await stage(makeStore, [sliding(100)]);
      const { id } = await reserved(limiter.reserve("alice", { count: 80 }));
      clock.advance(90_000);
      // Half of the window before is left: 40 of 80.
      assert.equal(await used(limiter, "alice"), 40);
      await limiter.settle(id, { count: 20 });
      assert.equal(await used(limiter, "alice"), 10);
    },
  },
  {
    name: "a sliding log never admits more than its limit in any minute",
    async run(makeStore) {
      const { clock, startMs, limiter } = await stage(makeStore, [logged(3)]);
      await admitted(limiter.checkAndRecord("alice"));
      clock.advance(50_000);
      await admitted(limiter.checkAndRecord("alice", { count: 2 }));
      await refused(limiter.checkAndRecord("alice"), 10_000);
      clock.advance(10_000);
      await admitted(limiter.checkAndRecord("alice"));
      await refused(limiter.checkAndRecord("alice"), 50_000);
      const { resetsAtMs } = await usageOf(limiter, "alice");
      assert.equal(resetsAtMs, startMs + 120_000);
    },
  },
  {
    name: "a hold in a sliding log is given back to its own time, and not after that",
    async run(makeStore) {
      const { clock, limiter } = await stage(makeStore, [logged(10)]);
      const first = await reserved(limiter.reserve("alice", { count: 4 }));
      clock.advance(30_000);
      const second = await reserved(limiter.reserve("alice", { count: 6 }));
      await limiter.settle(first.id, { count: 1 });
      assert.equal(await used(limiter, "alice"), 7);
      clock.advance(60_000);
      await admitted(limiter.checkAndRecord("alice", { count: 5 }));
      await limiter.release(second.id);
      assert.equal(await used(limiter, "alice"), 5);
    },
  },
  {
    name: "D-STO-02 a sliding log keeps no more entries than it may, and refuses rather than forgets",
    async run(makeStore) {
      const { clock, limiter } = await stage(makeStore, [logged(100, 2)]);
      for (let call = 0; call < 50; call += 1) {
        await admitted(limiter.checkAndRecord("alice"));
        clock.advance(1000);
      }
      assert.equal(await used(limiter, "alice"), 50);
      clock.advance(60_000);
      assert.equal(await used(limiter, "alice"), 0);
    },
  },
];
