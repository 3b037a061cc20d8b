import { afterEach, describe, expect, test } from "@jest/globals";
import type { LimitInput, Usage } from "@tollgate/core";

import { backendNames } from "./backends.ts";
import { eachBackend, report } from "./each-backend.ts";
import { Fleet } from "./fleet.ts";
import type { Hammered } from "./worker.ts";

const limits: readonly LimitInput[] = [
  { type: "count", window: "day", limit: 1_000_000, scope: "user" },
  { type: "count", window: "day", limit: 1_000_000, scope: "tenant" },
];
const subject = { tenant: "acme", user: "alice" };

const hammer = {
  kind: "hammer",
  subject,
  cost: { count: 1 },
  attempts: 1_000_000,
  concurrency: 20,
  acknowledges: true,
} as const;

/** What a process said it was admitted, by the time it had been told so often. */
async function acknowledged(fleet: Fleet, index: number, enough: number): Promise<() => number> {
  let seen = 0;
  await new Promise<void>((resolve) => {
    fleet.count(index, (total) => {
      seen = total;
      if (total === enough) resolve();
    });
    // It ends when it is killed, or when its server is.
    fleet.orderOne(index, hammer).catch(() => undefined);
  });
  return () => seen;
}

const usedBy = async (fleet: Fleet, index: number): Promise<number> => {
  const usages = await fleet.orderOne<readonly Usage[]>(index, { kind: "usage", subject });
  expect(usages.map(({ current }) => current)).toEqual([usages[0]?.current, usages[0]?.current]);
  return usages[0]?.current ?? 0;
};

describe("a process that dies", () => {
  eachBackend(({ backend, url }) => {
    let fleet: Fleet;

    afterEach(async () => {
      await fleet.close();
    });

    test("loses no unit that was charged, and charges no more than it had asked for", async () => {
      fleet = new Fleet([{}, {}]);
      const at = { backend, url: url(), namespace: "killed" };
      await fleet.order({ kind: "open", at, limits, timed: false });
      const seen = await acknowledged(fleet, 0, 300);
      await fleet.kill(0);
      const used = await usedBy(fleet, 1);
      expect(used).toBeGreaterThanOrEqual(seen());
      // Beyond what it had told, what was under way: its calls, and messages that died with it.
      report(`${backend}: told of ${String(seen())}, charged ${String(used)}`);
      expect(used).toBeLessThanOrEqual(seen() + 2000);
    }, 60_000);
  });
});

describe("a server that dies", () => {
  eachBackend(
    ({ backend, url, server }) => {
      let fleet: Fleet;

      afterEach(async () => {
        await fleet.close();
      });

      test("forgets no more than its policy says, and goes on from there", async () => {
        const running = server();
        if (running === undefined || !running.own) return;
        fleet = new Fleet([{}, {}]);
        const at = { backend, url: url(), namespace: "restarted" };
        await fleet.order({ kind: "open", at, limits, timed: false });
        const seen = await acknowledged(fleet, 0, 300);
        await running.kill();
        const told = seen();
        await fleet.kill(0);
        await running.restart();
        const used = await usedBy(fleet, 1);
        report(`${backend}: told of ${String(told)}, on record ${String(used)}`);
        // Redis writes its log once a second: what is lost is what was charged in the last one or two.
        expect(used).toBeGreaterThanOrEqual(backend.startsWith("redis") ? 0 : told);
        const after = await fleet.orderOne<Hammered>(1, {
          ...hammer,
          attempts: 50,
          acknowledges: false,
        });
        expect(after).toMatchObject({ admitted: 50, failures: [] });
        expect(await usedBy(fleet, 1)).toBe(used + 50);
      }, 60_000);
    },
    { backends: backendNames.filter((backend) => !backend.startsWith("sqlite")) },
  );
});
