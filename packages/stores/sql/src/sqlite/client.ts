import { configError } from "@tollgate/core/shared";

/** What can be bound to a placeholder. */
type SqliteValue = string | number | Buffer | null;

/** A row by the names of its columns. */
export type SqliteRow = Readonly<Record<string, unknown>>;

/** A statement as `better-sqlite3` and `node:sqlite` prepare it. */
export interface SqliteStatement {
  // As methods, whose parameters may be narrower: the driver's types tell each statement's apart.
  all(...values: SqliteValue[]): SqliteRow[];
  get(...values: SqliteValue[]): SqliteRow | undefined;
  run(...values: SqliteValue[]): { readonly changes: number | bigint };
}

/**
 * What is used of a database handle: a `Database` of `better-sqlite3`, a `DatabaseSync` of
 * `node:sqlite`, or anything with these two methods.
 */
export interface SqliteDatabase {
  prepare(text: string): SqliteStatement;
  exec(text: string): unknown;
}

/** @throws TollgateError `INVALID_CONFIG` */
export function checkDatabase(database: unknown, path: string): asserts database is SqliteDatabase {
  const isDatabase =
    typeof database === "object" &&
    database !== null &&
    ["prepare", "exec"].every((method) => typeof Reflect.get(database, method) === "function");
  if (isDatabase) return;
  throw configError(
    path,
    "a Database of better-sqlite3 or a DatabaseSync of node:sqlite",
    database,
  );
}
