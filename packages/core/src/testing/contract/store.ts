import assert from "node:assert/strict";

import { encodeKey } from "../../keys.ts";
import type { LimitInput } from "../../policy/limit-input.ts";
import { parseLimits } from "../../policy/limit.ts";
import { compilePlan, type Plan } from "../../policy/plan.ts";
import type { Batch, Operation, OperationReply, Store } from "../../store.ts";
import { manualClock } from "../manual-clock.ts";
import {
  admitted,
  type ContractCase,
  perMinute,
  refused,
  reserved,
  stage,
  usageOf,
  used,
} from "./contract-case.ts";

const planOf = (limits: readonly LimitInput[]): Plan =>
  compilePlan("batches", parseLimits(limits, "limits", "caller"));

const batchFor = (plan: Plan, id: string, operations: Batch["operations"]): Batch => ({
  plan,
  ids: [id],
  tenant: undefined,
  operations,
});

/** The numbers of a reply, as plain data. */
const numbers = ({ outcome, waitsMs, cells, leaseEndsAtMs, nowMs }: OperationReply): unknown => ({
  outcome,
  waitsMs: waitsMs === undefined ? undefined : [...waitsMs],
  cells: [...cells],
  leaseEndsAtMs,
  nowMs,
});

async function applyOneByOne(
  store: Store,
  plan: Plan,
  id: string,
  operations: readonly Operation[],
): Promise<unknown[]> {
  const replies: unknown[] = [];
  for (const operation of operations) {
    const [reply] = await store.apply(batchFor(plan, id, [operation]));
    assert.ok(reply);
    replies.push(numbers(reply));
  }
  return replies;
}

/** Reserves so many of the first limit. */
const reserve = (token: string, count: number): Operation => ({
  mode: "reserve",
  amounts: [count],
  cost: { count },
  token: encodeKey(["batch", token]),
  leaseMs: 60_000,
});

/** What the port itself promises: batches, numbers, housekeeping. */
export const storeCases: readonly ContractCase[] = [
  {
    name: "a batch decides like its operations one by one at the same instant",
    async run(makeStore) {
      const clock = manualClock();
      const store = await makeStore(clock);
      const plan = planOf([perMinute(10), { type: "token", rate: 1, capacity: 20 }]);
      const operations: Batch["operations"] = [
        { mode: "take", amounts: [4, 5] },
        { mode: "check", amounts: [7, 1] },
        { mode: "take", amounts: [7, 1] },
        { mode: "take", amounts: [1, 21] },
        { mode: "force", amounts: [3, 14] },
        { mode: "take", amounts: [3, 1] },
        { mode: "take", amounts: [3, 2] },
        { mode: "check", amounts: [0, 0] },
      ];
      const together = await store.apply(batchFor(plan, "together", operations));
      const apart = await applyOneByOne(store, plan, "apart", operations);
      assert.deepEqual(
        together.map(({ outcome }) => outcome),
        [
          "admitted",
          "refused",
          "refused",
          "impossible",
          "admitted",
          "admitted",
          "refused",
          "admitted",
        ],
      );
      assert.deepEqual(together.map(numbers), apart);
    },
  },
  {
    name: "a batch can reserve, and each reservation is found afterwards",
    async run(makeStore) {
      const clock = manualClock();
      const store = await makeStore(clock);
      const plan = planOf([perMinute(10)]);
      const replies = await store.apply(
        batchFor(plan, "alice", [reserve("a", 6), reserve("b", 6), reserve("c", 4)]),
      );
      assert.deepEqual(
        replies.map(({ outcome }) => outcome),
        ["admitted", "refused", "admitted"],
      );
      const outcomes: string[] = [];
      for (const token of ["a", "b", "c"]) {
        const reply = await store.settle({
          token: encodeKey(["batch", token]),
          cost: { count: 1 },
        });
        outcomes.push(reply.outcome);
      }
      assert.deepEqual(outcomes, ["settled", "unknown", "settled"]);
      const [after] = await store.apply(batchFor(plan, "alice", [{ mode: "check", amounts: [8] }]));
      assert.equal(after?.outcome, "admitted");
      assert.equal(after?.cells[0], 2);
    },
  },
  {
    name: "a limit that does not apply is neither asked nor charged",
    async run(makeStore) {
      const { limiter } = await stage(makeStore, [
        perMinute(5),
        { ...perMinute(1), name: "free", when: (subject) => subject === "free" },
      ]);
      await admitted(limiter.checkAndRecord("paid", { count: 3 }));
      assert.equal((await limiter.usage("paid")).length, 1);
      await admitted(limiter.checkAndRecord("free"));
      const { refusedBy } = await refused(limiter.checkAndRecord("free"), 60_000);
      assert.deepEqual(refusedBy, ["free"]);
    },
  },
  {
    name: "limits that did not exist when a subject was first seen start unused",
    async run(makeStore) {
      const { limiter } = await stage(makeStore, [perMinute(5)]);
      await admitted(limiter.checkAndRecord("alice"));
      const wider = limiter.override({
        add: [{ type: "count", window: "hour", limit: 2, name: "new" }],
      });
      await admitted(wider.checkAndRecord("alice", { count: 2 }));
      const { refusedBy } = await wider.checkAndRecord("alice");
      assert.deepEqual(refusedBy, ["new"]);
      assert.equal(await used(limiter, "alice"), 3);
    },
  },
  {
    name: "D-SQL-05 numbers are exact beyond 32 bits, and times beyond 2038",
    async run(makeStore) {
      const { clock, limiter } = await stage(makeStore, [
        { type: "token", window: "month", limit: 999_999_999_999_999 },
      ]);
      clock.set(Date.UTC(2039, 11, 20) + 7);
      for (let call = 0; call < 3; call += 1) {
        const hold = await reserved(limiter.reserve("alice", { token: 1 }));
        await limiter.settle(hold.id, { token: 1_000_000_001 });
      }
      const usage = await usageOf(limiter, "alice");
      assert.equal(usage.current, 3_000_000_003);
      assert.equal(usage.remaining, 999_996_999_999_996);
      assert.equal(usage.resetsAtMs, Date.UTC(2040, 0, 19) + 7);
    },
  },
  {
    name: "usage saturates at the largest safe integer instead of losing digits",
    async run(makeStore) {
      const { limiter } = await stage(makeStore, [
        perMinute(10),
        { type: "count", rate: 1, capacity: 10 },
      ]);
      await limiter.record("alice", { count: Number.MAX_SAFE_INTEGER });
      const [window, bucket] = await limiter.record("alice", { count: Number.MAX_SAFE_INTEGER });
      assert.equal(window?.current, Number.MAX_SAFE_INTEGER);
      assert.ok(Number.isSafeInteger(bucket?.current) && Number.isSafeInteger(bucket?.resetsAtMs));
    },
  },
  {
    name: "D-SQL-08 a clean-up told a future time removes only what has ended",
    async run(makeStore) {
      const { clock, startMs, limiter } = await stage(makeStore, [perMinute(5)]);
      await admitted(limiter.checkAndRecord("alice"));
      clock.advance(30_000);
      await admitted(limiter.checkAndRecord("bob"));
      clock.advance(30_000);
      assert.equal(await limiter.resetExpired(startMs + 30_000), 0);
      assert.equal(await limiter.resetExpired(clock.now() + 86_400_000), 1);
      assert.equal(await used(limiter, "alice"), 0);
      assert.equal(await used(limiter, "bob"), 1);
      clock.advance(30_000);
      assert.equal(await limiter.resetExpired(), 1);
      assert.equal(await limiter.resetExpired(), 0);
    },
  },
];
