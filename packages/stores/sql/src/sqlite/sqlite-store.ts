import { type SharedSyncStore, sharedSyncStore } from "@tollgate/core/shared";

import { parseOptions, type SqlStoreOptions } from "../store-options.ts";
import { checkDatabase, type SqliteHandle } from "./client.ts";
import { SqliteEngine } from "./engine.ts";

/** Options of {@link sqliteStore}. */
export interface SqliteStoreOptions extends SqlStoreOptions {
  /**
   * An open `Database` of `better-sqlite3`, or a `DatabaseSync` of `node:sqlite`. Stays open when the
   * store is closed. For a file, set `PRAGMA journal_mode = WAL`, and a busy timeout if several
   * processes use it.
   */
  readonly database: SqliteHandle;
}

/** A {@link sqliteStore}. */
export interface SqliteStore extends SharedSyncStore {
  /** Makes the tables, or brings them up to date; doing it again changes nothing. */
  readonly migrate: () => void;
}

/**
 * Usage in a SQLite database: survives the process, and can be shared by processes of one machine.
 * Answers at once, like the memory store. While another process writes, a call waits for it and the
 * process with it, up to the busy timeout of the database.
 *
 * @throws TollgateError `INVALID_CONFIG`
 */
export function sqliteStore(options: SqliteStoreOptions): SqliteStore {
  const settings = parseOptions(options, "sqliteStore", ["database"]);
  const database = checkDatabase(options.database, "sqliteStore.database");
  const engine = new SqliteEngine(database, settings);
  return { ...sharedSyncStore(engine), migrate: engine.migrate };
}
