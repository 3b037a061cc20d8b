import assert from "node:assert/strict";

import {
  admitted,
  type ContractCase,
  failure,
  perMinute,
  refused,
  reserved,
  stage,
  tokens,
  usageOf,
  used,
} from "./contract-case.ts";

/** What is promised of penalties, rewards and blocks. */
export const correctionCases: readonly ContractCase[] = [
  {
    name: "a penalty charges beyond the limit, a reward gives back down to nothing",
    async run(makeStore) {
      const { limiter } = await stage(makeStore, [perMinute(10)]);
      await admitted(limiter.checkAndRecord("alice", { count: 6 }));
      await limiter.adjust("alice", { count: 7 });
      const { current, debt } = await usageOf(limiter, "alice");
      assert.deepEqual([current, debt], [13, 3]);
      await limiter.adjust("alice", { count: -4 });
      assert.equal(await used(limiter, "alice"), 9);
      await admitted(limiter.checkAndRecord("alice"));
      await limiter.adjust("alice", { count: -1000 });
      assert.equal(await used(limiter, "alice"), 0);
      assert.equal((await limiter.check("alice", { count: 11 })).outcome, "impossible");
    },
  },
  {
    name: "a reward lowers what a bucket lacks, and never lifts it above its size",
    async run(makeStore) {
      const { limiter } = await stage(makeStore, [{ type: "count", rate: 1, capacity: 10 }]);
      await admitted(limiter.checkAndRecord("alice", { count: 6 }));
      await limiter.adjust("alice", { count: -4 });
      assert.equal(await used(limiter, "alice"), 2);
      await limiter.adjust("alice", { count: -100 });
      await admitted(limiter.checkAndRecord("alice", { count: 10 }));
      assert.equal((await limiter.checkAndRecord("alice")).outcome, "refused");
    },
  },
  {
    name: "a reward is felt by every rule, and by nobody else",
    async run(makeStore) {
      for (const algorithm of ["fixed", "sliding", "sliding-log"] as const) {
        const { limiter } = await stage(makeStore, [{ ...tokens(100, "hour"), algorithm }]);
        await limiter.record("alice", { token: 90 });
        await limiter.record("bob", { token: 90 });
        await limiter.adjust("alice", { token: -30 });
        await limiter.adjust("carol", { token: -30 });
        assert.deepEqual(
          [await used(limiter, "alice"), await used(limiter, "bob"), await used(limiter, "carol")],
          [60, 90, 0],
          algorithm,
        );
      }
    },
  },
  {
    name: "a reward gives back nothing that a reservation holds, which would be given back twice",
    async run(makeStore) {
      const { limiter } = await stage(makeStore, [perMinute(100)]);
      await limiter.record("alice", { count: 10 });
      const { id } = await reserved(limiter.reserve("alice", { count: 50 }));
      await limiter.adjust("alice", { count: -55 });
      assert.equal(await used(limiter, "alice"), 50);
      await limiter.record("alice", { count: 50 });
      await limiter.release(id);
      const { current, held } = await usageOf(limiter, "alice");
      assert.deepEqual([current, held], [50, 0]);
    },
  },
  {
    name: "D-CFG-05 an adjustment by what is no amount is an error and changes nothing",
    async run(makeStore) {
      const { limiter } = await stage(makeStore, [perMinute(10)]);
      for (const count of [0.5, Number.NaN, 2 ** 53, Number.POSITIVE_INFINITY]) {
        assert.equal(
          (await failure(() => limiter.adjust("alice", { count }))).code,
          "INVALID_COST",
        );
      }
      assert.equal(
        (await failure(() => limiter.adjust("alice", { counts: 1 }))).path,
        "cost.counts",
      );
      assert.equal(await used(limiter, "alice"), 0);
    },
  },
  {
    name: "a blocked subject is refused until the block ends, whatever is left",
    async run(makeStore) {
      const { clock, startMs, limiter } = await stage(makeStore, [perMinute(10)]);
      await admitted(limiter.checkAndRecord("alice"));
      await limiter.block("alice", { durationMs: 90_000 });
      const decision = await refused(limiter.checkAndRecord("alice"), 90_000);
      assert.equal(decision.blockedUntilMs, startMs + 90_000);
      assert.equal((await limiter.check("alice")).outcome, "refused");
      assert.equal((await limiter.reserve("alice")).outcome, "refused");
      assert.equal(await used(limiter, "alice"), 1);
      await admitted(limiter.checkAndRecord("bob"));
      clock.advance(89_999);
      await refused(limiter.checkAndRecord("alice"), 1);
      clock.advance(1);
      await admitted(limiter.checkAndRecord("alice"));
      await admitted(limiter.checkAndRecord("alice"));
    },
  },
  {
    name: "a block of somebody who was never seen holds, and can be lifted and replaced",
    async run(makeStore) {
      const { limiter } = await stage(makeStore, [perMinute(10)]);
      await limiter.block("alice", { durationMs: 60_000 });
      await limiter.block("alice", { durationMs: 5000 });
      await refused(limiter.checkAndRecord("alice"), 5000);
      await limiter.unblock("alice");
      await admitted(limiter.checkAndRecord("alice"));
      await limiter.unblock("bob");
      await limiter.block("alice", { durationMs: 1000 });
      await limiter.reset("alice");
      await admitted(limiter.checkAndRecord("alice"));
    },
  },
  {
    name: "a block concerns the ids that the subject has, and nobody else who lacks one",
    async run(makeStore) {
      const { limiter } = await stage(makeStore, [
        { ...perMinute(10), scope: "user", when: (subject) => subject !== "nobody" },
        { ...perMinute(10), scope: "ip", whenMissing: "shared", name: "addresses" },
      ]);
      await limiter.block({ user: "mallory" }, { durationMs: 60_000 });
      await refused(limiter.checkAndRecord({ user: "mallory" }), 60_000);
      await admitted(limiter.checkAndRecord({ user: "alice" }));
      await limiter.unblock({ user: "mallory" });
      await admitted(limiter.checkAndRecord({ user: "mallory" }));
    },
  },
  {
    name: "a block holds also where no limit applies to the subject",
    async run(makeStore) {
      const { limiter } = await stage(makeStore, [
        { ...perMinute(10), scope: "user", when: () => false },
      ]);
      await admitted(limiter.checkAndRecord({ user: "mallory" }));
      await limiter.block({ user: "mallory" }, { durationMs: 60_000 });
      await refused(limiter.checkAndRecord({ user: "mallory" }), 60_000);
    },
  },
  {
    name: "a block of one scope leaves the others alone, and usage goes on being charged",
    async run(makeStore) {
      const { limiter } = await stage(makeStore, [
        { ...perMinute(10), scope: "user" },
        { ...perMinute(10), scope: "tenant", name: "tenants" },
      ]);
      const alice = { tenant: "acme", user: "alice" };
      await limiter.block(alice, { durationMs: 60_000, scopes: ["user"] });
      await refused(limiter.checkAndRecord(alice), 60_000);
      await admitted(limiter.checkAndRecord({ tenant: "acme", user: "bob" }));
      await limiter.record(alice, { count: 2 });
      assert.equal(await used(limiter, alice, "tenants"), 3);
    },
  },
];
