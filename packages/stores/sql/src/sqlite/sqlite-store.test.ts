import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import { createLimiter, type LimitInput } from "@tollgate/core";
import { manualClock } from "@tollgate/core/testing";
import Database from "better-sqlite3";

import { ddl } from "../ddl.ts";
import { parseOptions } from "../store-options.ts";
import { whyNoSqlite } from "./addon.test-support.ts";
import { SqliteEngine } from "./engine.ts";
import { sqliteStore } from "./sqlite-store.ts";

const limits: readonly LimitInput[] = [
  { type: "count", window: "minute", limit: 3, scope: "user" },
  { type: "token", window: "day", limit: 1000, scope: "tenant" },
];
const ann = { tenant: "acme", user: "ann" };

let executed: string[];
let database: Database.Database;

beforeEach(() => {
  executed = [];
  database = new Database(":memory:", { verbose: (text) => executed.push(String(text)) });
});

afterEach(() => {
  database.close();
});

const rowsIn = (table: string): unknown[] => database.prepare(`SELECT * FROM ${table}`).all();

(whyNoSqlite("a SQLite store") === undefined ? describe : describe.skip)("a SQLite store", () => {
  test.each([1, 4, 8])("decides over %i limits in one transaction", (count) => {
    const many = Array.from({ length: count }, (_, n): LimitInput => ({
      type: "count",
      window: `${n + 1}h`,
      limit: 100,
      scope: ["tenant", "user", "session"][n % 3] ?? "user",
    }));
    const limiter = createLimiter({ limits: many, store: sqliteStore({ database }) });
    const subject = { ...ann, session: "s" };
    limiter.checkAndRecord(subject);
    executed = [];
    limiter.checkAndRecord(subject);
    expect(executed.filter((text) => text.startsWith("BEGIN"))).toHaveLength(1);
    expect(executed.filter((text) => text.startsWith("COMMIT"))).toHaveLength(1);
  });

  test("leaves the database open when it is closed, and usage in it", () => {
    const first = createLimiter({ limits, store: sqliteStore({ database }) });
    first.checkAndRecord(ann);
    const store = sqliteStore({ database });
    store.close();
    first.close();
    const second = createLimiter({ limits, store: sqliteStore({ database }) });
    expect(second.usage(ann)[0]?.current).toBe(1);
  });

  test("writes nothing for what is refused or only asked", () => {
    const limiter = createLimiter({ limits, store: sqliteStore({ database }) });
    limiter.check(ann);
    limiter.checkAndRecord(ann, { count: 4 });
    expect(rowsIn("tollgate_state")).toEqual([]);
    limiter.checkAndRecord(ann, { count: 3 });
    const before = rowsIn("tollgate_state");
    limiter.checkAndRecord(ann);
    limiter.usage(ann);
    expect(rowsIn("tollgate_state")).toEqual(before);
  });

  test("takes back what it had begun when it cannot go on", () => {
    const limiter = createLimiter({ limits, store: sqliteStore({ database }) });
    limiter.checkAndRecord(ann);
    database.exec(`CREATE TRIGGER full BEFORE UPDATE ON tollgate_state
      WHEN NEW.entry_key LIKE '%user%' BEGIN SELECT RAISE(FAIL, 'disk full'); END`);
    expect(() => limiter.checkAndRecord(ann)).toThrow("the store failed to take");
    expect(limiter.usage(ann).map(({ current }) => current)).toEqual([1, 0]);
    database.exec("DROP TRIGGER full");
    expect(limiter.checkAndRecord(ann, { token: 5 }).allowed).toBe(true);
  });

  test("tells what failed where SQLite has rolled back by itself", () => {
    const limiter = createLimiter({ limits, store: sqliteStore({ database }) });
    limiter.checkAndRecord(ann);
    database.exec(`CREATE TRIGGER full BEFORE UPDATE ON tollgate_state
      BEGIN SELECT RAISE(ROLLBACK, 'disk full'); END`);
    const failure = (): unknown => {
      try {
        return limiter.checkAndRecord(ann);
      } catch (error) {
        return error instanceof Error ? error.cause : error;
      }
    };
    expect(String(failure())).toContain("disk full");
    database.exec("DROP TRIGGER full");
    expect(limiter.checkAndRecord(ann).allowed).toBe(true);
  });

  test("works on tables that ddl() made, twice over", () => {
    database.exec(ddl("sqlite", { tablePrefix: "own_" }));
    database.exec(ddl("sqlite", { tablePrefix: "own_" }));
    const store = sqliteStore({ database, tablePrefix: "own_", migrate: "manual" });
    const limiter = createLimiter({ limits, store });
    expect(limiter.checkAndRecord(ann).allowed).toBe(true);
    expect(rowsIn("own_state")).toHaveLength(1);
    store.migrate();
    expect(rowsIn("own_meta")).toHaveLength(2);
  });

  test("refuses tables of a version that it does not know", () => {
    sqliteStore({ database }).migrate();
    database.exec("UPDATE tollgate_meta SET entry_value = 2 WHERE entry_name = 'version'");
    expect(() => sqliteStore({ database }).migrate()).toThrow(
      "the tables are of version 2 (tollgate_meta), and this @tollgate/sql knows version 1",
    );
    const limiter = createLimiter({ limits, store: sqliteStore({ database, migrate: "manual" }) });
    expect(() => limiter.checkAndRecord(ann)).toThrow("the store failed to take");
  });

  test("looks again at what a sweep found alive no sooner than it can have expired", () => {
    const clock = manualClock();
    const store = sqliteStore({ database, clock: clock.now });
    const limiter = createLimiter({
      limits: [limits[0] ?? { type: "count", window: "1s", limit: 1 }],
      store,
    });
    limiter.checkAndRecord(ann);
    clock.advance(60_000);
    limiter.checkAndRecord(ann);
    clock.advance(1000);
    expect(limiter.resetExpired()).toBe(0);
    executed = [];
    expect(limiter.resetExpired()).toBe(0);
    expect(executed.filter((text) => text.startsWith("UPDATE"))).toEqual([]);
    clock.advance(60_000);
    expect(limiter.resetExpired()).toBe(1);
    expect(rowsIn("tollgate_state")).toEqual([]);
  });

  test("sweeps once for all stores that share the tables", () => {
    const clock = manualClock();
    const settings = parseOptions({ clock: clock.now }, "sqliteStore", []);
    const [one, other] = [
      new SqliteEngine(database, settings),
      new SqliteEngine(database, settings),
    ];
    expect([one.claimSweep(1000), other.claimSweep(1000)]).toEqual([true, false]);
    clock.advance(1000);
    expect([other.claimSweep(1000), one.claimSweep(1000)]).toEqual([true, false]);
  });
});
