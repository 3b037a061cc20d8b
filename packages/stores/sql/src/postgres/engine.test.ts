import { afterAll, beforeAll, beforeEach, describe, expect, test } from "@jest/globals";
import {
  createLimiter,
  type LimitInput,
  type Limiter,
  type Store,
  type StoredUsage,
  type WindowLimitInput,
} from "@tollgate/core";
import { sharedStore } from "@tollgate/core/shared";
import { manualClock } from "@tollgate/core/testing";
import { skipReason } from "@tollgate/servers";
import { Pool } from "pg";

import { postgresEngine, type PostgresEngineOptions } from "./engine.ts";
import { pgSeam, type PostgresSeam } from "./seam.ts";
import { PostgresSetup } from "./setup.test-support.ts";

const HOUR_MS = 3_600_000;
const options = { maxBatch: 64, maxInFlight: 4, maxQueued: 10_000 };

const day = (scope: string, limit: number, name: string = `${scope}-day`): WindowLimitInput => ({
  type: "count",
  window: "day",
  limit,
  scope,
  name,
});

const times = <T>(count: number, make: (n: number) => T): T[] =>
  Array.from({ length: count }, (_, n) => make(n));

const limiterOn = (store: Store, limits: readonly LimitInput[]): Limiter<"async"> =>
  createLimiter({ limits, store, name: "tests" });

const noReason = skipReason("stores/sql, postgres engine", "postgres") === undefined;

(noReason ? describe : describe.skip)("the engine on PostgreSQL", () => {
  let setup: PostgresSetup;
  let prefix: string;
  let statements: string[];
  let seam: PostgresSeam;

  beforeAll(async () => {
    setup = await PostgresSetup.start(17);
    prefix = await setup.table();
  });
  beforeEach(async () => {
    await setup.pool.query(`DELETE FROM ${prefix}state`);
    statements = [];
    const real = setup.seam("pg");
    seam = {
      query: async (text, values, name) => {
        statements.push(name ?? text);
        return real.query(text, values, name);
      },
    };
  });
  afterAll(async () => setup.stop());

  const newStore = (given: Partial<PostgresEngineOptions> = {}): Store =>
    sharedStore(postgresEngine(seam, { prefix, ...given }), options);
  const rowCount = async (): Promise<number> => {
    const { rows } = await setup.pool.query(`SELECT count(*)::int AS n FROM ${prefix}state`);
    return Number(rows[0].n);
  };

  test.each([
    { scopes: ["user"], limits: 1 },
    { scopes: ["user"], limits: 4 },
    { scopes: ["global", "tenant", "user"], limits: 8 },
  ])("decides $limits limits over $scopes in one statement", async ({ scopes, limits }) => {
    const limiter = limiterOn(
      newStore(),
      times(limits, (n) => day(scopes[n % scopes.length] ?? "", 100, `limit-${String(n)}`)),
    );
    const who = { tenant: "t", user: "u" };
    await limiter.checkAndRecord(who);
    expect(statements).toHaveLength(3);
    statements.length = 0;
    await limiter.checkAndRecord(who);
    expect(statements).toEqual([`${prefix}run`]);
  });

  test("reserves and settles in one statement each", async () => {
    const limiter = limiterOn(newStore(), [day("user", 100)]);
    await limiter.checkAndRecord({ user: "u" });
    statements.length = 0;
    const { reservation } = await limiter.reserve({ user: "u" }, { count: 5 });
    await limiter.settle(reservation?.id ?? "", { count: 3 });
    expect(statements).toHaveLength(2);
  });

  test("D-SQL-01 a window that has ended is followed by the next in one statement", async () => {
    const clock = manualClock();
    const limiter = limiterOn(newStore({ clock: clock.now }), [day("user", 10)]);
    await limiter.checkAndRecord({ user: "u" }, { count: 9 });
    clock.advance(25 * HOUR_MS);
    statements.length = 0;
    expect(await limiter.checkAndRecord({ user: "u" }, { count: 7 })).toMatchObject({
      allowed: true,
    });
    expect(statements).toHaveLength(1);
    expect(await limiter.usage({ user: "u" })).toMatchObject([{ current: 7 }]);
  });

  test("D-SQL-02 simultaneous first charges, and those of a window that ended, all count", async () => {
    const clock = manualClock();
    const limiters = times(16, () =>
      limiterOn(newStore({ clock: clock.now }), [day("user", 1000)]),
    );
    for (let round = 0; round < 25; round += 1) {
      clock.advance(round % 2 === 0 ? 0 : 25 * HOUR_MS);
      const who = { user: `u${String(Math.floor(round / 2))}` };
      await Promise.all(
        limiters.map(async (limiter) => limiter.checkAndRecord(who, { count: 10 })),
      );
      expect(await limiters[0]?.usage(who)).toMatchObject([{ current: 160 }]);
    }
  });

  test("D-SQL-03 the time is the database's, whatever zone a session has", async () => {
    const { host, port, user, password, database } = setup.pool.options;
    const connectionString = setup.pool.options.connectionString ?? "";
    for (const zone of ["America/New_York", "Asia/Tokyo"]) {
      const options = `-c TimeZone=${zone}`;
      const pool = new Pool(
        connectionString === ""
          ? { host, port, user, password, database, options, max: 1 }
          : { connectionString, options, max: 1 },
      );
      const store = sharedStore(postgresEngine(pgSeam(pool), { prefix }), {
        maxBatch: 1,
        maxInFlight: 1,
        maxQueued: 1,
      });
      const { decidedAtMs } = await limiterOn(store, [day("user", 5)]).checkAndRecord({
        user: "z",
      });
      await pool.end();
      expect(Math.abs((decidedAtMs ?? 0) - Date.now())).toBeLessThan(60_000);
    }
    const usage = await limiterOn(newStore(), [day("user", 5)]).usage({ user: "z" });
    expect(usage).toMatchObject([{ current: 2 }]);
  });

  test("a process whose clock is wrong learns the time, and decides by the right calendar day", async () => {
    const limits: LimitInput[] = [{ ...day("user", 5), align: "calendar" }];
    const wrong = (): number => Date.now() - 1000 * HOUR_MS;
    const limiter = limiterOn(newStore({ ownClock: wrong }), limits);
    const { usages } = await limiter.checkAndRecord({ user: "u" });
    // Stale, then rows that are missing and are made, then the decision.
    expect(statements).toHaveLength(4);
    expect(usages[0]?.resetsAtMs).toBe(Math.ceil(Date.now() / (24 * HOUR_MS)) * 24 * HOUR_MS);
    statements.length = 0;
    await limiter.checkAndRecord({ user: "u" });
    expect(statements).toHaveLength(1);
  });

  test("a trip that stays stale is given up", async () => {
    const limits: LimitInput[] = [{ ...day("user", 5), align: "calendar" }];
    // It runs away from the database's faster than it can be told.
    let ms = Date.now();
    const ownClock = (): number => (ms += 100 * HOUR_MS);
    const limiter = limiterOn(newStore({ ownClock }), limits);
    await expect(limiter.checkAndRecord({ user: "u" })).rejects.toMatchObject({
      code: "STORE_FAILED",
    });
    expect(await rowCount()).toBe(1);
  });

  test("repeats what the database has taken back, but not for ever", async () => {
    let failures = 4;
    const deadlock = Object.assign(new Error("deadlock detected"), { code: "40P01" });
    const real = seam;
    const shaky: PostgresSeam = {
      query: async (...statement) => {
        failures -= 1;
        if (failures >= 0) throw deadlock;
        return real.query(...statement);
      },
    };
    const limiter = limiterOn(sharedStore(postgresEngine(shaky, { prefix }), options), [
      day("user", 5),
    ]);
    expect(await limiter.checkAndRecord({ user: "u" })).toMatchObject({ allowed: true });
    failures = 5;
    await expect(limiter.checkAndRecord({ user: "u" })).rejects.toMatchObject({
      code: "STORE_FAILED",
      cause: deadlock,
    });
  });

  test("D-SQL-07 connections that come in any order, cold rows and a sweep get in nobody's way", async () => {
    const churn: LimitInput = { ...day("session", 1_000_000), window: "5ms" };
    const limits = [day("tenant", 900), day("user", 700), day("global", 100_000), churn];
    const stores = times(15, () => newStore());
    const limiters = stores.map((store) => limiterOn(store, limits));
    let seed = 7;
    const random = (below: number): number => {
      seed = (seed * 1_103_515_245 + 12_345) % 2 ** 31;
      return Math.floor((seed / 2 ** 31) * below);
    };
    const [charged, admitted] = [new Map<string, number>(), { count: 0 }];
    const callers = limiters.map(async (limiter) => {
      for (let call = 0; call < 130; call += 1) {
        // Tenants and users in one trip, in an order of the moment.
        const calls = times(5, async () => {
          const who = {
            tenant: `t${String(random(4))}`,
            user: `u${String(random(3))}`,
            session: `s${String(random(40))}`,
          };
          const held = random(3) === 0 ? await limiter.reserve(who) : undefined;
          const decision = held ?? (await limiter.checkAndRecord(who));
          if (held?.reservation !== undefined)
            await limiter.settle(held.reservation.id, { count: 1 });
          if (!decision.allowed) return;
          admitted.count += 1;
          charged.set(who.tenant, (charged.get(who.tenant) ?? 0) + 1);
        });
        await Promise.all(calls);
      }
    });
    const over = new AbortController();
    const sweeps = (async () => {
      let swept = 0;
      while (!over.signal.aborted) swept += (await stores[0]?.sweep(Number.MAX_SAFE_INTEGER)) ?? 0;
      return swept;
    })();
    try {
      await Promise.all(callers);
    } finally {
      over.abort();
    }
    expect(await sweeps).toBeGreaterThan(0);
    const [limiter] = limiters;
    for (const [tenant, count] of charged) {
      const [usage] = (await limiter?.usage({ tenant, user: "u0", session: "s0" })) ?? [];
      expect(usage).toMatchObject({ current: count });
      expect(count).toBeLessThanOrEqual(900);
    }
    const usages = await limiter?.usage({ tenant: "t0", user: "u0", session: "s0" });
    expect(usages?.[2]).toMatchObject({ current: admitted.count });
  });

  test("of 500 calls at once on one key exactly as many are admitted as fit", async () => {
    const limiters = times(10, () => limiterOn(newStore(), [day("user", 300)]));
    const calls = limiters.flatMap((limiter) =>
      times(50, async () => limiter.checkAndRecord({ user: "u" })),
    );
    const decisions = await Promise.all(calls);
    expect(decisions.filter(({ allowed }) => allowed)).toHaveLength(300);
  });

  test("D-SQL-08 a sweep removes in pages what has ended, and nothing that lives on", async () => {
    const clock = manualClock();
    const store = newStore({ clock: clock.now });
    const limiter = limiterOn(store, [day("user", 10), day("tenant", 2000)]);
    await Promise.all(
      times(1100, async (n) => limiter.checkAndRecord({ tenant: "t", user: `u${String(n)}` })),
    );
    await limiter.reserve({ tenant: "t", user: "u0" });
    expect(await store.sweep(Number.MAX_SAFE_INTEGER)).toBe(0);
    clock.advance(20 * HOUR_MS);
    // These live on: the first look at them comes too early.
    clock.advance(5 * HOUR_MS);
    await limiter.checkAndRecord({ tenant: "t", user: "u7" });
    expect(await store.sweep(clock.now() + 1000 * HOUR_MS)).toBe(1099);
    // The tenant and one user; the reservation's grace is over.
    expect(await rowCount()).toBe(2);
    const { rows } = await setup.pool.query(`SELECT check_at_ms FROM ${prefix}state`);
    expect(rows.map((row) => Number(row.check_at_ms) - clock.now())).toEqual([
      24 * HOUR_MS,
      24 * HOUR_MS,
    ]);
  });

  test("usage is exported in pages and imported again, with its reservations", async () => {
    const clock = manualClock();
    const store = newStore({ clock: clock.now });
    const limits = [day("user", 2000), day("tenant", 2000)];
    const limiter = limiterOn(store, limits);
    await Promise.all(
      times(600, async (n) =>
        limiter.checkAndRecord({ tenant: "t", user: `u${String(n)}` }, { count: 2 }),
      ),
    );
    const { reservation } = await limiter.reserve(
      { tenant: "t", user: 'Zoë "\\ {x}' },
      { count: 5 },
    );
    const exported: StoredUsage[] = [];
    for await (const usage of store.exportUsage?.() ?? []) exported.push(usage);
    expect(exported).toHaveLength(603);
    await setup.pool.query(`DELETE FROM ${prefix}state`);
    await store.importUsage?.([...exported, ...exported]);
    expect(await rowCount()).toBe(603);
    const other = limiterOn(newStore({ clock: clock.now }), limits);
    expect(await other.settle(reservation?.id ?? "", { count: 3 })).toMatchObject({
      outcome: "settled",
    });
    expect(await other.usage({ tenant: "t", user: "u599" })).toMatchObject([
      { current: 2 },
      { current: 1203 },
    ]);
  });

  test("lists the open reservations of a subject, whatever its id holds", async () => {
    const store = newStore();
    const limiter = limiterOn(store, [day("user", 100)]);
    const ids = ['a"b', "a\\b", "ä€😀", "plain", "a%b_c"];
    for (const user of ids) await limiter.reserve({ user }, { count: 2 });
    const ended = await limiter.reserve({ user: "plain" }, { count: 2 });
    await limiter.release(ended.reservation?.id ?? "");
    for (const user of ids) {
      expect(await limiter.reservations({ user })).toMatchObject([{ held: { count: 2 } }]);
    }
  });

  test("asynchronous commit is a choice of the function, and of nothing else", async () => {
    const relaxed = await setup.table({ synchronousCommit: false });
    const client = await setup.pool.connect();
    const sql = `SELECT status FROM ${relaxed}run_v1('{}', '{}', '{-1,0,0}', '{}')`;
    await client.query("BEGIN");
    await client.query(sql);
    const { rows: within } = await client.query("SHOW synchronous_commit");
    await client.query("COMMIT");
    const { rows: after } = await client.query("SHOW synchronous_commit");
    client.release();
    expect([within[0], after[0]]).toEqual([
      { synchronous_commit: "off" },
      { synchronous_commit: "on" },
    ]);
  });
});
