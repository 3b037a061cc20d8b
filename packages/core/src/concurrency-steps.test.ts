import assert from "node:assert/strict";

import { expect, test } from "@jest/globals";
import fc from "fast-check";

import { createLimiter } from "./limiter/create-limiter.ts";
import { memoryStore } from "./memory-store.ts";
import { parameters } from "./property.test-support.ts";
import { manualClock } from "./testing/manual-clock.ts";

const MAX = 5;
const LEASE_MS = 2000;
const subjects = ["alice", "bob", "carol"];

interface Holder {
  readonly id: string;
  readonly subject: string;
  readonly weight: number;
  endMs: number;
}

test("D-RES-15 100,000 steps of callers that come, renew, end or die never take more slots than there are", () => {
  const clock = manualClock();
  const limiter = createLimiter({
    limits: [
      { type: "concurrency", limit: MAX },
      // Beside it, so that slots are taken together with something that stays charged.
      { type: "count", window: "minute", limit: 1_000_000 },
    ],
    store: memoryStore({ clock: clock.now, maxReservations: 200_000 }),
  });
  let holders: Holder[] = [];
  const step = fc.record({
    kind: fc.constantFrom("take", "take", "take", "end", "renew", "die", "wait"),
    pick: fc.nat(),
    weight: fc.integer({ min: 1, max: 3 }),
    ms: fc.integer({ min: 1, max: 700 }),
    settles: fc.boolean(),
  });
  const takenBy = (subject: string): number =>
    holders.reduce((sum, holder) => (holder.subject === subject ? sum + holder.weight : sum), 0);
  let [admitted, refused] = [0, 0];

  const steps = fc.sample(step, { ...parameters(100_000), numRuns: 100_000 });
  for (const { kind, pick, weight, ms, settles } of steps) {
    const subject = subjects[pick % subjects.length] ?? "";
    const chosen = holders[pick % Math.max(1, holders.length)];
    if (kind === "wait") clock.advance(ms);
    holders = holders.filter(({ endMs }) => clock.now() < endMs);
    if (kind === "take") {
      const cost = { count: 1, concurrency: weight };
      const { allowed, reservation } = limiter.reserve(subject, cost, { leaseMs: LEASE_MS });
      assert.equal(allowed, takenBy(subject) + weight <= MAX);
      if (allowed) admitted += 1;
      else refused += 1;
      if (reservation !== undefined) {
        holders.push({ id: reservation.id, subject, weight, endMs: clock.now() + LEASE_MS });
      }
    } else if (chosen !== undefined && kind === "end") {
      if (settles) limiter.settle(chosen.id, {});
      else limiter.release(chosen.id);
      // A second end changes nothing.
      limiter.release(chosen.id);
      holders = holders.filter((holder) => holder !== chosen);
    } else if (chosen !== undefined && kind === "renew") {
      const renewed = limiter.renew(chosen.id, LEASE_MS);
      assert.equal(renewed, clock.now() < chosen.endMs);
      if (renewed) chosen.endMs = clock.now() + LEASE_MS;
    }
    // One that dies is not heard of again: its slot is taken until the lease ends.
    const [slots] = limiter.usage(subject);
    assert.equal(slots?.current, takenBy(subject));
    assert.ok(takenBy(subject) <= MAX);
  }
  // Both happen often, or the run would prove little.
  expect(admitted).toBeGreaterThan(10_000);
  expect(refused).toBeGreaterThan(10_000);
  clock.advance(LEASE_MS);
  for (const subject of subjects) {
    expect(limiter.usage(subject)[0]).toMatchObject({ current: 0, held: 0 });
  }
});
