import assert from "node:assert/strict";

import type { LimitInput } from "../../policy/limit-input.ts";
import {
  admitted,
  type ContractCase,
  countAdmitted,
  failure,
  perMinute,
  refused,
  reserved,
  stage,
  together,
  tokens,
  used,
} from "./contract-case.ts";

const bucketOf = (capacity: number): LimitInput => ({ type: "count", rate: 1, capacity });

/** What a decision over several limits promises. */
export const decisionCases: readonly ContractCase[] = [
  {
    name: "D-DEC-01 a call refused by one limit charges no other",
    async run(makeStore) {
      const { limiter } = await stage(makeStore, [perMinute(1), tokens(1000, "day")]);
      const outcomes: string[] = [];
      for (let call = 0; call < 3; call += 1) {
        const { outcome } = await limiter.checkAndRecord("alice", { count: 1, token: 100 });
        outcomes.push(outcome);
      }
      assert.deepEqual(outcomes, ["admitted", "refused", "refused"]);
      assert.equal(await used(limiter, "alice", "token-per-day-caller"), 100);
    },
  },
  {
    name: "D-DEC-01 a refusal in one scope charges no other scope, whichever comes first",
    async run(makeStore) {
      const user: LimitInput = { ...perMinute(1), scope: "user" };
      const tenant: LimitInput = { ...perMinute(10), scope: "tenant" };
      const subject = { tenant: "acme", user: "u" };
      for (const limits of [
        [user, tenant],
        [tenant, user],
      ]) {
        const { limiter } = await stage(makeStore, limits);
        await admitted(limiter.checkAndRecord(subject));
        await refused(limiter.checkAndRecord(subject), 60_000);
        await refused(limiter.reserve(subject), 60_000);
        assert.equal(await used(limiter, subject, "count-per-minute-tenant"), 1);
      }
    },
  },
  {
    name: "D-DEC-02a of 100 simultaneous calls exactly the 10 with room are admitted",
    async run(makeStore) {
      const { limiter } = await stage(makeStore, [perMinute(10)]);
      const decisions = await together(100, () => limiter.checkAndRecord("alice"));
      assert.equal(countAdmitted(decisions), 10);
      assert.equal(await used(limiter, "alice"), 10);
    },
  },
  {
    name: "D-DEC-02b of 8 times 40 calls over two scopes exactly 20 are admitted and charged",
    async run(makeStore) {
      const { limiter } = await stage(makeStore, [
        { ...perMinute(20), scope: "tenant" },
        { ...perMinute(1000), scope: "user" },
      ]);
      const decisions = await together(320, (n) =>
        limiter.checkAndRecord({ tenant: "acme", user: `u${String(n % 8)}` }),
      );
      assert.equal(countAdmitted(decisions), 20);
      const users = await together(8, (n) =>
        used(limiter, { tenant: "acme", user: `u${String(n)}` }, "count-per-minute-user"),
      );
      assert.equal(
        users.reduce((sum, n) => sum + n, 0),
        20,
      );
      assert.equal(await used(limiter, { tenant: "acme", user: "u0" }), 20);
    },
  },
  {
    name: "D-DEC-02c simultaneous reservations never hold more than there is",
    async run(makeStore) {
      const { limiter } = await stage(makeStore, [tokens(1000, "hour")]);
      const decisions = await together(40, () => limiter.reserve("alice", { token: 90 }));
      assert.equal(countAdmitted(decisions), 11);
      assert.equal(await used(limiter, "alice"), 990);
    },
  },
  ...[perMinute(10), bucketOf(10)].map((limit): ContractCase => {
    const kind = "rate" in limit ? "bucket" : "window";
    return {
      name: `D-DEC-03 two calls of 9 do not both fit in 10 (${kind})`,
      async run(makeStore) {
        const { limiter } = await stage(makeStore, [limit]);
        await admitted(limiter.checkAndRecord("alice", { count: 9 }));
        const second = await limiter.checkAndRecord("alice", { count: 9 });
        assert.equal(second.outcome, "refused");
        assert.equal(await used(limiter, "alice"), 9);
      },
    };
  }),
  {
    name: "D-DEC-03 a reservation larger than what is left is refused, not trimmed",
    async run(makeStore) {
      const { limiter } = await stage(makeStore, [tokens(10_000, "hour")]);
      await admitted(limiter.checkAndRecord("alice", { token: 9999 }));
      const decision = await limiter.reserve("alice", { token: 5000 });
      assert.equal(decision.outcome, "refused");
      assert.equal(decision.reservation, undefined);
      assert.equal(await used(limiter, "alice"), 9999);
    },
  },
  {
    name: "D-DEC-04 a refused call leaves the room to smaller ones",
    async run(makeStore) {
      const { limiter } = await stage(makeStore, [perMinute(100)]);
      await admitted(limiter.checkAndRecord("alice", { count: 20 }));
      await refused(limiter.checkAndRecord("alice", { count: 90 }), 60_000);
      assert.equal(await used(limiter, "alice"), 20);
      await admitted(limiter.checkAndRecord("alice", { count: 80 }));
    },
  },
  {
    name: "D-DEC-05 a cost above the whole capacity is impossible, not a wait",
    async run(makeStore) {
      const { limiter } = await stage(makeStore, [perMinute(5), tokens(100, "day")]);
      const decision = await limiter.checkAndRecord("alice", { count: 1, token: 5000 });
      assert.equal(decision.outcome, "impossible");
      assert.equal(decision.retryAfterMs, undefined);
      assert.deepEqual(decision.refusals, [
        {
          limit: "token-per-day-caller",
          type: "token",
          requested: 5000,
          remaining: 100,
          max: 100,
          suspended: false,
          retryAfterMs: undefined,
        },
      ]);
      assert.match(decision.reason ?? "", /token-per-day-caller.*at most 100/);
      assert.equal(await used(limiter, "alice", "count-per-minute-caller"), 0);
      assert.equal(await used(limiter, "alice", "token-per-day-caller"), 0);
      await admitted(limiter.checkAndRecord("alice", { count: 1, token: 50 }));
    },
  },
  {
    name: "D-DEC-05 impossible wins over refused, and then nothing tells a wait",
    async run(makeStore) {
      const { limiter } = await stage(makeStore, [perMinute(1), bucketOf(2)]);
      await admitted(limiter.checkAndRecord("alice"));
      const decision = await limiter.checkAndRecord("alice", { count: 3 });
      assert.equal(decision.outcome, "impossible");
      assert.equal(decision.retryAfterMs, undefined);
      assert.deepEqual(decision.refusedBy, ["count-per-minute-caller", "count-bucket-caller"]);
    },
  },
  {
    name: "D-DEC-06 the wait is the longest of the refusing limits, and the reason names its limit",
    async run(makeStore) {
      const { clock, startMs, limiter } = await stage(makeStore, [
        perMinute(1),
        { type: "count", window: "hour", limit: 2 },
        { type: "count", window: "month", limit: 3 },
      ]);
      const end = startMs + 30 * 86_400_000;
      // Windows that end 12 days, 40 minutes and 20 seconds after the same instant.
      const askedAt = end - 12 * 86_400_000;
      await admitted(limiter.checkAndRecord("alice"));
      clock.set(askedAt - 20 * 60_000);
      await admitted(limiter.checkAndRecord("alice"));
      clock.set(askedAt - 40_000);
      await admitted(limiter.checkAndRecord("alice"));
      clock.set(askedAt);
      const decision = await refused(limiter.checkAndRecord("alice"), 12 * 86_400_000);
      assert.deepEqual(
        decision.refusals.map(({ limit, retryAfterMs }) => [limit, retryAfterMs]),
        [
          ["count-per-minute-caller", 20_000],
          ["count-per-hour-caller", 40 * 60_000],
          ["count-per-month-caller", 12 * 86_400_000],
        ],
      );
      assert.match(decision.reason ?? "", /count-per-month-caller/);
    },
  },
  {
    name: "D-DEC-07 the wait is the one for this cost",
    async run(makeStore) {
      const { clock, limiter } = await stage(makeStore, [bucketOf(10)]);
      await admitted(limiter.checkAndRecord("alice", { count: 10 }));
      await refused(limiter.checkAndRecord("alice", { count: 5 }), 5000);
      clock.advance(4999);
      await refused(limiter.checkAndRecord("alice", { count: 5 }), 1);
      clock.advance(1);
      await admitted(limiter.checkAndRecord("alice", { count: 5 }));
    },
  },
  ...[perMinute(5), bucketOf(5)].map((limit): ContractCase => {
    const kind = "rate" in limit ? "bucket" : "window";
    return {
      name: `D-DEC-08 the last unit is admitted and the next refused, by check too (${kind})`,
      async run(makeStore) {
        const { limiter } = await stage(makeStore, [limit]);
        const remaining: (number | undefined)[] = [];
        for (let call = 0; call < 5; call += 1) {
          await admitted(limiter.check("alice"));
          const { usages } = await admitted(limiter.checkAndRecord("alice"));
          remaining.push(usages[0]?.remaining);
        }
        assert.deepEqual(remaining, [4, 3, 2, 1, 0]);
        assert.equal((await limiter.check("alice")).outcome, "refused");
        assert.equal((await limiter.checkAndRecord("alice")).outcome, "refused");
        assert.equal(await used(limiter, "alice"), 5);
      },
    };
  }),
  {
    name: "D-DEC-10a of two first calls that do not both fit one is admitted",
    async run(makeStore) {
      const { limiter } = await stage(makeStore, [tokens(1000, "day")]);
      const decisions = await together(2, () => limiter.checkAndRecord("alice", { token: 600 }));
      assert.equal(countAdmitted(decisions), 1);
    },
  },
  {
    name: "D-DEC-10b every matching limit is asked, not only the first",
    async run(makeStore) {
      const { limiter } = await stage(makeStore, [
        { ...perMinute(100), scope: "user" },
        { ...perMinute(10), scope: "tenant" },
      ]);
      const subject = { tenant: "acme", user: "u" };
      for (let call = 0; call < 10; call += 1) await admitted(limiter.checkAndRecord(subject));
      const decision = await refused(limiter.checkAndRecord(subject), 60_000);
      assert.deepEqual(decision.refusedBy, ["count-per-minute-tenant"]);
    },
  },
  {
    name: "check answers like checkAndRecord and charges nothing",
    async run(makeStore) {
      const { limiter } = await stage(makeStore, [perMinute(3), bucketOf(4)]);
      for (const cost of [1, 3, 4, 5, 1, 1, 1]) {
        const before = await limiter.usage("alice");
        const asked = await limiter.check("alice", { count: cost });
        assert.deepEqual(await limiter.usage("alice"), before);
        const taken = await limiter.checkAndRecord("alice", { count: cost });
        assert.equal(asked.outcome, taken.outcome);
        assert.equal(asked.retryAfterMs, taken.retryAfterMs);
      }
    },
  },
  {
    name: "a limit whose type the cost does not name is charged nothing",
    async run(makeStore) {
      const { limiter } = await stage(makeStore, [perMinute(2), tokens(10, "hour")]);
      await admitted(limiter.checkAndRecord("alice", { token: 10 }));
      await admitted(limiter.checkAndRecord("alice", { count: 2 }));
      assert.equal(await used(limiter, "alice", "token-per-hour-caller"), 10);
      assert.equal(await used(limiter, "alice", "count-per-minute-caller"), 2);
      await admitted(limiter.checkAndRecord("alice", {}));
    },
  },
  {
    name: "a suspended limit refuses every cost without a time to retry",
    async run(makeStore) {
      const { limiter } = await stage(makeStore, [{ ...perMinute(5), suspended: true }]);
      for (const cost of [{ count: 1 }, {}]) {
        const decision = await limiter.checkAndRecord("alice", cost);
        assert.equal(decision.outcome, "refused");
        assert.equal(decision.retryAfterMs, undefined);
        assert.match(decision.reason ?? "", /suspended/);
      }
    },
  },
  {
    name: "record charges above the limit, and that is debt",
    async run(makeStore) {
      const { startMs, limiter } = await stage(makeStore, [perMinute(10)]);
      const [usage] = await limiter.record("alice", { count: 25 });
      assert.deepEqual(
        [usage?.current, usage?.remaining, usage?.debt, usage?.percentage],
        [25, 0, 15, 250],
      );
      assert.equal(usage?.resetsAtMs, startMs + 120_000);
    },
  },
  {
    name: "D-CFG-05 costs that are no amounts are refused before anything is charged",
    async run(makeStore) {
      const { limiter } = await stage(makeStore, [perMinute(10)]);
      const held = await reserved(limiter.reserve("alice"));
      for (const amount of [0.4, -1, Number.NaN, 2 ** 53, Number.POSITIVE_INFINITY]) {
        const cost = { count: amount };
        for (const call of [
          () => limiter.check("alice", cost),
          () => limiter.checkAndRecord("alice", cost),
          () => limiter.record("alice", cost),
          () => limiter.reserve("alice", cost),
          () => limiter.settle(held.id, cost),
        ]) {
          const error = await failure(call);
          assert.equal(error.code, "INVALID_COST");
          assert.equal(error.path, "cost.count");
          assert.match(error.message, new RegExp(`number ${String(amount).replace("+", "\\+")}`));
        }
      }
      const slip = await failure(() => limiter.checkAndRecord("alice", { tokens: 5 }));
      assert.equal(slip.code, "INVALID_COST");
      assert.equal(await used(limiter, "alice"), 1);
    },
  },
];
