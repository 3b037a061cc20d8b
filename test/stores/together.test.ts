import { afterEach, expect, test } from "@jest/globals";
import type { LimitInput, Usage } from "@tollgate/core";

import { eachBackend } from "./each-backend.ts";
import { Fleet } from "./fleet.ts";
import type { Hammered } from "./worker.ts";

const perUser: LimitInput = { type: "count", window: "hour", limit: 1_000_000, scope: "user" };
const perTenant: LimitInput = { ...perUser, scope: "tenant" };
const perSession: LimitInput = { ...perUser, scope: "session" };

const sum = (values: readonly number[]): number => values.reduce((total, each) => total + each, 0);

eachBackend(({ backend, url }) => {
  let fleet: Fleet;

  afterEach(async () => {
    await fleet.close();
  });

  test("D-SQL-04 ten processes that start at once on an empty server all decide right", async () => {
    fleet = new Fleet(Array.from({ length: 10 }, () => ({})));
    const at = { backend, url: url(), namespace: "fresh" };
    const limits = [{ ...perUser, limit: 7 }];
    await fleet.order({ kind: "open", at, limits, timed: false });
    const results = await fleet.order<Hammered>({
      kind: "hammer",
      subject: { user: "alice" },
      cost: { count: 1 },
      attempts: 1,
      concurrency: 1,
    });
    expect(results.flatMap(({ failures }) => failures)).toEqual([]);
    expect(sum(results.map(({ admitted }) => admitted))).toBe(7);
  }, 120_000);

  test("D-SQL-07 overlapping scopes in any order, first rows and a running sweep lose nothing and fail nobody", async () => {
    fleet = new Fleet(Array.from({ length: 4 }, () => ({})));
    const at = { backend, url: url(), namespace: "overlap" };
    const limits = [perUser, perTenant, perSession];
    await fleet.order({ kind: "open", at, limits, timed: false });
    const subjects = Array.from({ length: 50 }, (_, n) => ({
      tenant: `t${String(n % 3)}`,
      user: `u${String(n % 7)}`,
      session: `s${String(n)}`,
    }));
    const rounds = 12;
    const results = await fleet.order<Hammered>({ kind: "roam", subjects, rounds, sweeps: true });
    expect(results.flatMap(({ failures }) => failures)).toEqual([]);
    const used = new Map<string, number>();
    for (const subject of subjects.slice(0, 3)) {
      const usages = await fleet.orderOne<readonly Usage[]>(0, { kind: "usage", subject });
      for (const { scope, id, current } of usages) if (scope === "tenant") used.set(id, current);
    }
    expect(sum([...used.values()])).toBe(4 * rounds * subjects.length);
    expect(sum(results.map(({ admitted }) => admitted))).toBe(4 * rounds * subjects.length);
  }, 120_000);

  test("D-SQL-03 processes in other time zones, and one whose clock is wrong, are told the same", async () => {
    fleet = new Fleet([
      { TZ: "UTC" },
      { TZ: "Asia/Tokyo" },
      { TZ: "America/New_York" },
      { TZ: "UTC", TOLLGATE_TEST_CLOCK_AHEAD_MS: "600000" },
      { TZ: "UTC", TOLLGATE_TEST_CLOCK_AHEAD_MS: "-600000" },
    ]);
    const at = { backend, url: url(), namespace: "zones" };
    const limits: readonly LimitInput[] = [
      { ...perUser, limit: 4 },
      { ...perUser, window: "day", align: "calendar", timeZone: "Europe/Berlin", limit: 100 },
    ];
    await fleet.order({ kind: "open", at, limits, timed: false });
    const subject = { user: "alice" };
    const results: Hammered[] = [];
    for (let n = 0; n < 5; n += 1) {
      const order = {
        kind: "hammer",
        subject,
        cost: { count: 1 },
        attempts: 1,
        concurrency: 1,
      } as const;
      results.push(await fleet.orderOne<Hammered>(n, order));
    }
    expect(results.map(({ admitted }) => admitted)).toEqual([1, 1, 1, 1, 0]);
    const told = await fleet.order<readonly Usage[]>({ kind: "usage", subject });
    for (const usages of told) expect(usages).toEqual(told[0]);
    expect(told[0]?.map(({ current }) => current)).toEqual([4, 4]);
  }, 120_000);
});
