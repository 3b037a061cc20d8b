import assert from "node:assert/strict";

import type { LimitInput } from "../../policy/limit-input.ts";
import {
  admitted,
  type ContractCase,
  countAdmitted,
  perMinute,
  refused,
  reserved,
  stage,
  together,
  usageOf,
  used,
} from "./contract-case.ts";

const slots = (limit: number): LimitInput => ({ type: "concurrency", limit });

const SLOTS = "concurrency-caller";

/** What limits promise on how many calls run at a time. */
export const concurrencyCases: readonly ContractCase[] = [
  {
    name: "D-RES-15 a slot that is released more than once is free once",
    async run(makeStore) {
      const { limiter } = await stage(makeStore, [slots(2)]);
      const first = await reserved(limiter.reserve("alice"));
      await reserved(limiter.reserve("alice"));
      for (let time = 0; time < 3; time += 1) await limiter.release(first.id);
      await reserved(limiter.reserve("alice"));
      assert.equal((await limiter.reserve("alice")).outcome, "refused");
      assert.equal(await used(limiter, "alice"), 2);
    },
  },
  {
    name: "D-RES-15 the slot of a holder that died is free when its lease ends",
    async run(makeStore) {
      const { clock, limiter } = await stage(makeStore, [slots(1)]);
      const { id } = await reserved(limiter.reserve("alice", {}, { leaseMs: 1000 }));
      await refused(limiter.reserve("alice"), 1000);
      clock.advance(999);
      await refused(limiter.reserve("alice"), 1);
      clock.advance(1);
      const next = await reserved(limiter.reserve("alice"));
      // The dead one's release comes late, and must not free the slot of another.
      await limiter.release(id);
      assert.equal(await used(limiter, "alice"), 1);
      await limiter.release(next.id);
      assert.equal(await used(limiter, "alice"), 0);
    },
  },
  {
    name: "a renewed lease keeps its slot, and a lease that has ended cannot be renewed",
    async run(makeStore) {
      const { clock, startMs, limiter } = await stage(makeStore, [slots(1)]);
      const { id } = await reserved(limiter.reserve("alice", {}, { leaseMs: 1000 }));
      clock.advance(900);
      assert.equal(await limiter.renew(id, 1000), true);
      clock.advance(900);
      await refused(limiter.reserve("alice"), 100);
      assert.equal((await usageOf(limiter, "alice")).resetsAtMs, startMs + 1900);
      clock.advance(100);
      assert.equal(await limiter.renew(id, 1000), false);
      await reserved(limiter.reserve("alice"));
    },
  },
  {
    name: "the slot of a settled call is free, whatever the call cost",
    async run(makeStore) {
      const { limiter } = await stage(makeStore, [
        slots(1),
        { type: "token", window: "hour", limit: 1000 },
      ]);
      const { id, cost } = await reserved(limiter.reserve("alice", { token: 100 }));
      assert.deepEqual(cost, { concurrency: 1, token: 100 });
      const outcome = await limiter.settle(id, { token: 300, concurrency: 5 });
      assert.deepEqual(outcome.cost, { concurrency: 0, token: 300 });
      assert.equal(await used(limiter, "alice", SLOTS), 0);
      assert.equal(await used(limiter, "alice", "token-per-hour-caller"), 300);
    },
  },
  {
    name: "D-DEC-09 a call that another limit refuses takes no slot",
    async run(makeStore) {
      const { limiter } = await stage(makeStore, [slots(2), perMinute(1)]);
      await reserved(limiter.reserve("alice"));
      assert.equal((await limiter.reserve("alice")).outcome, "refused");
      assert.equal(await used(limiter, "alice", SLOTS), 1);
    },
  },
  {
    name: "calls that are over at once need a free slot and take none",
    async run(makeStore) {
      const { limiter } = await stage(makeStore, [slots(1)]);
      await admitted(limiter.checkAndRecord("alice"));
      await limiter.record("alice", {});
      assert.equal(await used(limiter, "alice"), 0);
      await reserved(limiter.reserve("alice"));
      assert.equal((await limiter.checkAndRecord("alice")).outcome, "refused");
      assert.equal((await limiter.check("alice", { concurrency: 0 })).outcome, "admitted");
    },
  },
  {
    name: "a call may take several slots, and the wait is until so many are free",
    async run(makeStore) {
      const { clock, limiter } = await stage(makeStore, [slots(3)]);
      await reserved(limiter.reserve("alice", { concurrency: 1 }, { leaseMs: 1000 }));
      await reserved(limiter.reserve("alice", { concurrency: 2 }, { leaseMs: 3000 }));
      await refused(limiter.reserve("alice", { concurrency: 1 }), 1000);
      await refused(limiter.reserve("alice", { concurrency: 2 }), 3000);
      assert.equal((await limiter.reserve("alice", { concurrency: 4 })).outcome, "impossible");
      clock.advance(1000);
      await reserved(limiter.reserve("alice", { concurrency: 1 }));
    },
  },
  {
    name: "of many simultaneous calls exactly as many run as there are slots",
    async run(makeStore) {
      const { limiter } = await stage(makeStore, [slots(7)]);
      const decisions = await together(40, () => limiter.reserve("alice"));
      assert.equal(countAdmitted(decisions), 7);
      await together(decisions.length, (n) => {
        const id = decisions[n]?.reservation?.id;
        return id === undefined ? undefined : limiter.release(id);
      });
      assert.equal(await used(limiter, "alice"), 0);
    },
  },
  {
    name: "a reset frees the slots, and what ends later frees none of those taken since",
    async run(makeStore) {
      const { limiter } = await stage(makeStore, [slots(1)]);
      const before = await reserved(limiter.reserve("alice", {}, { leaseMs: 5000 }));
      await limiter.reset("alice");
      await reserved(limiter.reserve("alice", {}, { leaseMs: 5000 }));
      await limiter.release(before.id);
      assert.equal(await used(limiter, "alice"), 1);
    },
  },
  {
    name: "a clock that is put right keeps slots, which are released and renewed as ever",
    async run(makeStore) {
      const { clock, limiter } = await stage(makeStore, [slots(2)]);
      clock.advance(3_600_000);
      const first = await reserved(limiter.reserve("alice", {}, { leaseMs: 60_000 }));
      const second = await reserved(limiter.reserve("alice", {}, { leaseMs: 90_000 }));
      clock.advance(-3_600_000);
      assert.equal(await used(limiter, "alice"), 2);
      assert.equal(await limiter.renew(first.id, 60_000), true);
      assert.equal(await used(limiter, "alice"), 2);
      await limiter.release(first.id);
      assert.equal(await used(limiter, "alice"), 1);
      await limiter.release(second.id);
      assert.equal(await used(limiter, "alice"), 0);
    },
  },
  {
    name: "a clock that steps back lies at the earliest where a lease was renewed",
    async run(makeStore) {
      const { clock, startMs, limiter } = await stage(makeStore, [slots(2)]);
      await reserved(limiter.reserve("alice", {}, { leaseMs: 1000 }));
      const { id } = await reserved(limiter.reserve("alice", {}, { leaseMs: 3000 }));
      clock.advance(1000);
      // The lease of the first has ended, which the renewal of the second is the first to see.
      assert.equal(await limiter.renew(id, 1000), true);
      clock.advance(-1000);
      const second = await reserved(limiter.reserve("alice", {}, { leaseMs: 500 }));
      assert.equal(second.leaseEndsAtMs, startMs + 1500);
      const { decidedAtMs } = await refused(limiter.reserve("alice"), 500);
      assert.equal(decidedAtMs, startMs + 1000);
    },
  },
  {
    name: "fewer slots than are taken refuse until enough are free",
    async run(makeStore) {
      const { clock, limiter } = await stage(makeStore, [slots(3)]);
      for (const leaseMs of [1000, 2000, 3000]) {
        await reserved(limiter.reserve("alice", {}, { leaseMs }));
      }
      const narrow = limiter.override({ limits: { [SLOTS]: { limit: 1 } } });
      await refused(narrow.reserve("alice"), 3000);
      clock.advance(3000);
      await admitted(narrow.reserve("alice"));
    },
  },
];
