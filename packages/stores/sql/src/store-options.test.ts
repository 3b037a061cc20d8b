import { describe, expect, test } from "@jest/globals";

import { ddl, mysqlStore, postgresStore, sqliteStore } from "./index.ts";

/** The message of what is thrown. */
function message(make: () => unknown): string {
  try {
    make();
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
  return "nothing was thrown";
}

const database = { prepare: () => undefined, exec: () => undefined };
const pgPool = { query: () => undefined, connect: () => undefined };
const mysqlPool = { getConnection: () => undefined };

describe("what cannot be right is told when the store is made", () => {
  test.each([
    [
      () => Reflect.apply(sqliteStore, undefined, [undefined]),
      "sqliteStore: expected an options object, got undefined",
    ],
    [
      () => Reflect.apply(sqliteStore, undefined, [{}]),
      "sqliteStore.database: expected a Database of better-sqlite3 or a DatabaseSync of node:sqlite, got undefined",
    ],
    [
      () => Reflect.apply(sqliteStore, undefined, [{ database, prefix: "a_" }]),
      'sqliteStore.prefix: expected only the options database, tablePrefix, migrate, sweepEveryMs, clock, got string "a_"',
    ],
    [
      () => Reflect.apply(sqliteStore, undefined, [{ database, tablePrefix: "a; DROP" }]),
      'sqliteStore.tablePrefix: expected up to 31 of a-z, 0-9 and "_", not beginning with a digit, got string "a; DROP"',
    ],
    [
      () => Reflect.apply(sqliteStore, undefined, [{ database, migrate: true }]),
      'sqliteStore.migrate: expected "auto" or "manual", got boolean true',
    ],
    [
      () => Reflect.apply(sqliteStore, undefined, [{ database, sweepEveryMs: 10 }]),
      "sqliteStore.sweepEveryMs: expected milliseconds: an integer from 1000 to 86400000, got number 10",
    ],
    [
      () => Reflect.apply(sqliteStore, undefined, [{ database, clock: 5 }]),
      "sqliteStore.clock: expected a function, got number 5",
    ],
    [
      () => Reflect.apply(mysqlStore, undefined, [{ pool: "mysql://localhost" }]),
      'mysqlStore.pool: expected a pool of mysql2, got string "mysql://localhost"',
    ],
    [
      () => Reflect.apply(mysqlStore, undefined, [{ pool: mysqlPool, maxBatch: 0 }]),
      "mysqlStore.maxBatch: expected calls: an integer from 1 to 1000, got number 0",
    ],
    [
      () => Reflect.apply(postgresStore, undefined, [{ client: { query: () => undefined } }]),
      "postgresStore.client: expected a Pool of pg, or a client of postgres (postgres.js), got an object",
    ],
    [
      () => Reflect.apply(postgresStore, undefined, [{ client: pgPool, durability: "sync" }]),
      'postgresStore.durability: expected "synchronous", "asynchronous" or "unlogged", got string "sync"',
    ],
    [
      () => Reflect.apply(postgresStore, undefined, [{ client: pgPool, prepare: 1 }]),
      "postgresStore.prepare: expected true or false, got number 1",
    ],
    [
      () => Reflect.apply(postgresStore, undefined, [{ client: pgPool, maxInFlight: 1000 }]),
      "postgresStore.maxInFlight: expected round trips: an integer from 1 to 100, got number 1000",
    ],
    [
      () => Reflect.apply(ddl, undefined, ["oracle"]),
      'ddl.dialect: expected "postgres", "mysql" or "sqlite", got string "oracle"',
    ],
    [
      () => ddl("sqlite", { tablePrefix: "A_" }),
      'ddl.tablePrefix: expected up to 31 of a-z, 0-9 and "_", not beginning with a digit, got string "A_"',
    ],
  ])("%#", (make, expected) => {
    expect(message(make)).toBe(expected);
  });
});
