import { expect, test } from "@jest/globals";
import { createLimiter, type LimitInput, memoryStore } from "@tollgate/core";
import { manualClock } from "@tollgate/core/testing";
import fc from "fast-check";

import { expectSameAnswers, steps } from "./answers.test-support.ts";
import { redisStore } from "./index.ts";
import { describeOnServer, freshPrefix } from "./servers.test-support.ts";

describeOnServer("redisStore and memoryStore", (stage) => {
  // Timelines have limits of every rule, and the script a way of its own where there is only this one.
  test("D-STO-01 plain windows are the same, up to their limits and back in time", async () => {
    const limits: LimitInput[] = [
      { type: "count", window: "10s", limit: 20, scope: "user" },
      { type: "token", window: "20s", limit: 80, scope: "user" },
      { type: "count", window: "30s", limit: 25, scope: "ip", debt: "forgive" },
      { type: "token", window: "15s", limit: 60, scope: "ip" },
      // A record that has expired is gone, sooner or later, and does not come back with the time.
      { type: "year", window: "3650d", limit: 1_000_000, scope: "user" },
      { type: "year", window: "3650d", limit: 1_000_000, scope: "ip" },
    ];
    await fc.assert(
      fc.asyncProperty(steps(fc.integer({ min: -2000, max: 5000 })), async (taken) => {
        await expectSameAnswers(
          ({ now }) => [
            redisStore({ client: stage.client, prefix: freshPrefix(), clock: now }),
            memoryStore({ clock: now }),
          ],
          limits,
          taken,
          { each: { year: 1 } },
        );
      }),
      { numRuns: 100, endOnFailure: true },
    );
  });

  test("D-STO-01 a lease given while the clock was days ahead ends when its renewal says", async () => {
    const clock = manualClock();
    const stores = [
      redisStore({ client: stage.client, prefix: freshPrefix(), clock: clock.now }),
      memoryStore({ clock: clock.now }),
    ];
    const limits: LimitInput[] = [{ type: "concurrency", limit: 2 }];
    const limiters = stores.map((store) => createLimiter({ limits, store }));
    const ids: string[] = [];
    clock.advance(3 * 86_400_000);
    for (const limiter of limiters) {
      const { reservation } = await limiter.reserve("alice", { concurrency: 1 });
      ids.push(reservation?.id ?? "");
    }
    clock.advance(-3 * 86_400_000);
    const seen: unknown[] = [];
    for (const [n, limiter] of limiters.entries()) {
      const renewed = await limiter.renew(ids[n] ?? "", 60_000);
      const [open] = await limiter.reservations("alice");
      seen.push([renewed, open?.leaseEndsAtMs, await limiter.usage("alice")]);
    }
    expect(seen[0]).toEqual(seen[1]);
    expect(seen[0]).toEqual([true, clock.now() + 60_000, expect.anything()]);
  });
});
