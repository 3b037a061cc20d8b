import { afterEach, expect, test } from "@jest/globals";
import {
  createLimiter,
  memoryStore,
  type LimitInput,
  type Store,
  type StoredUsage,
} from "@tollgate/core";
import { manualClock } from "@tollgate/core/testing";

import { openStore, type OpenStore } from "./backends.ts";
import { eachBackend } from "./each-backend.ts";

const limits: readonly LimitInput[] = [
  { type: "token", window: "month", limit: 1_000_000, scope: "tenant" },
  { type: "token", window: "day", limit: 100_000, scope: "user", algorithm: "sliding" },
  { type: "count", rate: 0.01, capacity: 20, scope: "user" },
  { type: "concurrency", limit: 5, scope: "tenant" },
];
const subject = { tenant: "acme, Inc. ✓", user: "ann" };

async function exported(store: Store): Promise<readonly StoredUsage[]> {
  const usage: StoredUsage[] = [];
  for await (const entry of store.exportUsage?.() ?? []) usage.push(entry);
  return usage;
}

eachBackend(({ backend, url }) => {
  const opened: OpenStore[] = [];
  const clock = manualClock();

  afterEach(async () => {
    for (const { close } of opened.splice(0)) await close();
  });

  const open = async (namespace: string): Promise<Store> => {
    const store = await openStore({ backend, url: url(), namespace, clock: clock.now });
    opened.push(store);
    return store.store;
  };

  test("usage, blocks and open reservations move here from memory, and on to another place", async () => {
    const memory = memoryStore({ clock: clock.now });
    const before = createLimiter({ limits, store: memory });
    before.record(subject, { token: 70_000, count: 3 });
    before.record({ tenant: "globex", user: "bob" }, { token: 10 });
    const { reservation } = before.reserve(subject, { token: 4000 });
    before.block({ tenant: "globex", user: "bob" }, { durationMs: 60_000, scopes: ["user"] });
    const usages = before.usage(subject);

    const first = await open("first");
    await first.importUsage?.(await exported(memory));
    const there = createLimiter({ limits, store: first });
    expect(await there.usage(subject)).toEqual(usages);
    expect((await there.check({ tenant: "globex", user: "bob" })).blockedUntilMs).toBe(
      clock.now() + 60_000,
    );
    await there.settle(reservation?.id ?? "", { token: 1000 });
    const settled = await there.usage(subject);
    expect(settled.map(({ current }) => current)).toEqual([71_000, 71_000, 3, 0]);

    const second = await open("second");
    await second.importUsage?.(await exported(first));
    // Doing it again changes nothing.
    await second.importUsage?.(await exported(first));
    const further = createLimiter({ limits, store: second });
    expect(await further.usage(subject)).toEqual(settled);
    // What had ended is known to have ended.
    expect(await further.settle(reservation?.id ?? "", { token: 9 })).toMatchObject({
      outcome: "settled",
      applied: false,
      cost: { token: 1000 },
    });
  });
});
