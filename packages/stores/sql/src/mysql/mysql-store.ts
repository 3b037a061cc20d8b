import { type SharedStore, sharedStore } from "@tollgate/core/shared";

import { LockingEngine } from "../locking/engine.ts";
import {
  type CoalescingOptions,
  coalescingFields,
  parseCoalescing,
  parseOptions,
  type SqlStoreOptions,
} from "../store-options.ts";
import { Tables } from "../tables.ts";
import { type MysqlPool, mysqlSeam } from "./client.ts";
import { mysqlDialect } from "./dialect.ts";
import { checkMysqlVersion, migrateMysql } from "./migrate.ts";

/** Options of {@link mysqlStore}. */
export interface MysqlStoreOptions extends SqlStoreOptions, CoalescingOptions {
  /** A pool of `mysql2` or `mysql2/promise`. Stays open when the store is closed. */
  readonly pool: MysqlPool;
}

/** A {@link mysqlStore}. */
export interface MysqlStore extends SharedStore {
  readonly synchronous: false;
  /** Makes the tables, or brings them up to date; doing it again changes nothing. */
  readonly migrate: () => Promise<void>;
}

/**
 * Usage in MySQL 8 or MariaDB 10.6 and later. A decision is one short transaction of four statements;
 * concurrent ones share it.
 *
 * @throws TollgateError `INVALID_CONFIG`
 */
export function mysqlStore(options: MysqlStoreOptions): MysqlStore {
  const settings = parseOptions(options, "mysqlStore", ["pool", ...coalescingFields]);
  const coalescing = parseCoalescing(options, "mysqlStore");
  const seam = mysqlSeam(options.pool, "mysqlStore.pool");
  const tables = new Tables(
    settings.migratesItself,
    () => migrateMysql(seam, settings.names),
    () => seam.withConnection((query) => checkMysqlVersion(query, settings.names)),
  );
  const engine = new LockingEngine(seam, mysqlDialect, settings, tables);
  return { ...sharedStore(engine, coalescing), synchronous: false, migrate: tables.migrate };
}
