import { afterEach, expect, test } from "@jest/globals";
import type { LimitInput, Usage } from "@tollgate/core";

import { eachBackend } from "./each-backend.ts";
import { Fleet } from "./fleet.ts";
import type { Hammered } from "./worker.ts";

const isLong = process.env["TOLLGATE_TEST_SIZE"] === "long";
const ROUNDS = isLong ? 20 : 3;
const PROCESSES = 8;
const ATTEMPTS = 2000;
const ROOM = 500;

const HOUR_MS = 3_600_000;

/** Three limits of two scopes; the second is the one that is reached. */
const limits: readonly LimitInput[] = [
  { type: "count", window: "hour", limit: 2 * ROOM, scope: "tenant" },
  { type: "token", window: "hour", limit: 10 * ROOM, scope: "tenant" },
  { type: "count", window: "hour", limit: 3 * ROOM, scope: "user" },
];
const subject = { tenant: "acme", user: "alice" };

const sum = (values: readonly number[]): number => values.reduce((total, each) => total + each, 0);

eachBackend(({ backend, url }) => {
  let fleet: Fleet;

  afterEach(async () => {
    await fleet.close();
  });

  test("D-WIN-05 of 8 processes' attempts exactly as many are admitted as there is room for, in window after window", async () => {
    fleet = new Fleet(Array.from({ length: PROCESSES }, () => ({})));
    const at = { backend, url: url(), namespace: "exact" };
    await fleet.order({ kind: "open", at, limits, timed: true });
    // In the first round there is no row yet; in the others there are those of a window that has ended.
    for (let round = 0; round < ROUNDS; round += 1) {
      const nowMs = Date.UTC(2026, 0, 1) + round * 2 * HOUR_MS;
      const results = await fleet.order<Hammered>({
        kind: "hammer",
        subject,
        cost: { count: 1, token: 10 },
        attempts: ATTEMPTS,
        concurrency: 25,
        nowMs,
      });
      expect(results.flatMap(({ failures }) => failures)).toEqual([]);
      expect(sum(results.map(({ admitted }) => admitted))).toBe(ROOM);
      const usages = await fleet.orderOne<readonly Usage[]>(0, { kind: "usage", subject, nowMs });
      const held = ROOM - sum(results.map(({ settled }) => settled));
      expect(usages.map(({ limit, current, held: units }) => [limit, current, units])).toEqual([
        ["count-per-hour-tenant", ROOM, held],
        ["token-per-hour-tenant", 10 * ROOM, 10 * held],
        ["count-per-hour-user", ROOM, held],
      ]);
    }
  }, 600_000);
});
