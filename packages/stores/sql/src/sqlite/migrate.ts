import {
  checkVersion,
  SCHEMA_VERSION,
  SWEEP_ENTRY,
  tableStatements,
  VERSION_ENTRY,
} from "../schema.ts";
import type { TableNames } from "../table-names.ts";
import type { SqliteDatabase } from "./client.ts";

/** Makes the tables, or brings them to this version. Of connections that do it at once, one waits. */
export function migrateSqlite(database: SqliteDatabase, names: TableNames): void {
  database.exec("BEGIN IMMEDIATE");
  try {
    for (const statement of tableStatements.sqlite(names)) database.exec(statement);
    const insert = database.prepare(
      `INSERT INTO ${names.meta} (entry_name, entry_value) VALUES (?, ?) ON CONFLICT (entry_name) DO NOTHING`,
    );
    insert.run(VERSION_ENTRY, SCHEMA_VERSION);
    insert.run(SWEEP_ENTRY, 0);
    checkSqliteVersion(database, names);
    database.exec("COMMIT");
  } catch (error) {
    rollBack(() => database.exec("ROLLBACK"));
    throw error;
  }
}

/** @throws TollgateError `INVALID_CONFIG` when the tables are of another version */
export function checkSqliteVersion(database: SqliteDatabase, names: TableNames): void {
  const row = database
    .prepare(`SELECT entry_value FROM ${names.meta} WHERE entry_name = ?`)
    .get(VERSION_ENTRY);
  checkVersion(row?.["entry_value"], names);
}

/** After some failures, such as a full disk, SQLite has rolled back by itself; they are what to tell of. */
export function rollBack(attempt: () => unknown): void {
  try {
    attempt();
  } catch {
    // There is no transaction any more.
  }
}
