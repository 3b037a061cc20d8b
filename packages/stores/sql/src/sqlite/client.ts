import { configError } from "@tollgate/core/shared";

/** What can be bound to a placeholder. */
type SqliteValue = string | number | Buffer | null;

/** A row by the names of its columns. */
export type SqliteRow = Readonly<Record<string, unknown>>;

/** A statement as `better-sqlite3` and `node:sqlite` prepare it. */
export interface SqliteStatement {
  all(...values: SqliteValue[]): SqliteRow[];
  get(...values: SqliteValue[]): SqliteRow | undefined;
  run(...values: SqliteValue[]): { readonly changes: number | bigint };
}

/**
 * A database handle: a `Database` of `better-sqlite3`, a `DatabaseSync` of `node:sqlite`, or anything
 * whose statements have `all`, `get` and `run` with positional values.
 */
export interface SqliteHandle {
  // What statements are is for their library's types to say; each says it in its own way.
  prepare(text: string): unknown;
  exec(text: string): unknown;
}

/** The same, as the engine uses it. */
export interface SqliteDatabase extends SqliteHandle {
  prepare(text: string): SqliteStatement;
}

/** @throws TollgateError `INVALID_CONFIG` */
export function checkDatabase(database: unknown, path: string): SqliteDatabase {
  if (isDatabase(database)) return database;
  const expected = "a Database of better-sqlite3 or a DatabaseSync of node:sqlite";
  throw configError(path, expected, database);
}

const isDatabase = (database: unknown): database is SqliteDatabase =>
  typeof database === "object" &&
  database !== null &&
  ["prepare", "exec"].every((method) => typeof Reflect.get(database, method) === "function");
