import assert from "node:assert/strict";

import type { LimitInput } from "../../policy/limit-input.ts";
import { admitted, type ContractCase, perMinute, stage, usageOf, used } from "./contract-case.ts";

const shadow = (limit: number): LimitInput => ({
  ...perMinute(limit),
  name: "trial",
  shadow: true,
});

/** What is promised of limits that are only tried out. */
export const shadowCases: readonly ContractCase[] = [
  {
    name: "D-SHA-01 a shadow limit before or after an enforced one changes no verdict",
    async run(makeStore) {
      for (const limits of [
        [perMinute(2)],
        [shadow(1), perMinute(2)],
        [perMinute(2), shadow(1)],
        [perMinute(2), { ...shadow(1), suspended: true }],
      ]) {
        const { limiter } = await stage(makeStore, limits);
        const verdicts: unknown[] = [];
        for (let call = 0; call < 5; call += 1) {
          const { outcome, refusedBy, retryAfterMs } = await limiter.checkAndRecord("alice");
          verdicts.push([outcome, refusedBy, retryAfterMs]);
        }
        assert.deepEqual(verdicts, [
          ["admitted", [], undefined],
          ["admitted", [], undefined],
          ...Array.from({ length: 3 }, () => ["refused", ["count-per-minute-caller"], 60_000]),
        ]);
      }
    },
  },
  {
    name: "D-SHA-03 a shadow limit is charged all that is admitted, and says what it would refuse",
    async run(makeStore) {
      const { clock, limiter } = await stage(makeStore, [perMinute(100), shadow(10)]);
      await admitted(limiter.checkAndRecord("alice", { count: 9 }));
      const before = await usageOf(limiter, "alice", "trial");
      assert.deepEqual([before.shadow, before.current, before.max], [true, 9, 10]);
      const refusals: unknown[] = [];
      for (let call = 0; call < 3; call += 1) {
        const { shadowRefusals } = await admitted(limiter.checkAndRecord("alice"));
        refusals.push(shadowRefusals.map(({ limit, retryAfterMs }) => [limit, retryAfterMs]));
      }
      assert.deepEqual(refusals, [[], [["trial", 60_000]], [["trial", 60_000]]]);
      assert.equal(await used(limiter, "alice", "trial"), 12);
      clock.advance(60_000);
      // What it let pass does not weigh on the next window, which an enforced limit would have kept.
      assert.equal(await used(limiter, "alice", "trial"), 0);
    },
  },
  {
    name: "a cost above the whole of a shadow limit is possible, and so is one without its id",
    async run(makeStore) {
      const { limiter } = await stage(makeStore, [
        perMinute(100),
        { ...shadow(10), scope: "user" },
      ]);
      const { shadowRefusals } = await admitted(
        limiter.checkAndRecord({ caller: "a", user: "u" }, { count: 50 }),
      );
      assert.deepEqual(
        shadowRefusals.map(({ requested, max }) => [requested, max]),
        [[50, 10]],
      );
      const { usages } = await admitted(limiter.checkAndRecord("a"));
      assert.deepEqual(
        usages.map(({ limit }) => limit),
        ["count-per-minute-caller"],
      );
    },
  },
  {
    name: "a hold in a shadow limit is settled like any other",
    async run(makeStore) {
      const { limiter } = await stage(makeStore, [perMinute(100), shadow(10)]);
      const { reservation } = await admitted(limiter.reserve("alice", { count: 30 }));
      assert.equal(await used(limiter, "alice", "trial"), 30);
      await limiter.settle(reservation?.id ?? "", { count: 4 });
      assert.equal(await used(limiter, "alice", "trial"), 4);
    },
  },
];
