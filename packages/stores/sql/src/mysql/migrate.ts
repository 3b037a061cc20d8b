import { TollgateError } from "@tollgate/core";

import type { LockingSeam, Query } from "../locking/seam.ts";
import {
  checkVersion,
  SCHEMA_VERSION,
  SWEEP_ENTRY,
  tableStatements,
  VERSION_ENTRY,
} from "../schema.ts";
import type { TableNames } from "../table-names.ts";

/** How long one process waits for another that makes the tables. */
const LOCK_SECONDS = 30;

/**
 * Makes the tables, or brings them to this version. A statement that changes a schema is its own
 * transaction here, so that a lock by name keeps other processes out meanwhile.
 */
export const migrateMysql = (seam: LockingSeam, names: TableNames): Promise<void> =>
  seam.withConnection(async (query) => {
    // A lock by name is the whole server's, and its name at most 64 characters.
    const lock = [names.meta];
    const locked = await query(
      `SELECT GET_LOCK(CONCAT(LEFT(DATABASE(), 20), ?), ${String(LOCK_SECONDS)}) AS got`,
      lock,
    );
    if (Number(locked.rows[0]?.["got"]) !== 1) {
      throw new TollgateError(
        "STORE_FAILED",
        "another process has been making the tables for long",
      );
    }
    try {
      for (const statement of tableStatements.mysql(names)) await query(statement, []);
      await query(
        `INSERT IGNORE INTO ${names.meta} (entry_name, entry_value) VALUES (?, ?), (?, ?)`,
        [VERSION_ENTRY, SCHEMA_VERSION, SWEEP_ENTRY, 0],
      );
      await checkMysqlVersion(query, names);
    } finally {
      await query("SELECT RELEASE_LOCK(CONCAT(LEFT(DATABASE(), 20), ?))", lock);
    }
  });

/** @throws TollgateError `INVALID_CONFIG` when the tables are of another version */
export async function checkMysqlVersion(query: Query, names: TableNames): Promise<void> {
  const { rows } = await query(`SELECT entry_value FROM ${names.meta} WHERE entry_name = ?`, [
    VERSION_ENTRY,
  ]);
  checkVersion(rows[0]?.["entry_value"], names);
}
