import { TollgateError } from "@tollgate/core";

import type { TableNames } from "./table-names.ts";

/** The dialects there are. */
export type Dialect = "postgres" | "mysql" | "sqlite";

/**
 * The version of the tables. A change of the schema is a new number and a step that leads to it; what an
 * older version of the library reads must go on working until nobody runs it.
 */
export const SCHEMA_VERSION = 1;

/** The name of the version among the numbers of the meta table. */
export const VERSION_ENTRY = "version";
/** The name of the time until which somebody sweeps. */
export const SWEEP_ENTRY = "sweep";

const mysql = ({ state, meta }: TableNames): readonly string[] => [
  // Bytes throughout: a collation would make one subject of ids that differ in case, accents or blanks.
  `CREATE TABLE IF NOT EXISTS ${state} (
  entry_key VARBINARY(255) NOT NULL PRIMARY KEY,
  numbers MEDIUMBLOB NOT NULL,
  details MEDIUMTEXT CHARACTER SET ascii COLLATE ascii_bin NULL,
  check_at_ms BIGINT NOT NULL,
  INDEX ${state}_check (check_at_ms)
) ENGINE = InnoDB`,
  `CREATE TABLE IF NOT EXISTS ${meta} (
  entry_name VARBINARY(64) NOT NULL PRIMARY KEY,
  entry_value BIGINT NOT NULL
) ENGINE = InnoDB`,
];

const sqlite = ({ state, meta }: TableNames): readonly string[] => [
  `CREATE TABLE IF NOT EXISTS ${state} (
  entry_key TEXT NOT NULL PRIMARY KEY COLLATE BINARY,
  numbers BLOB NOT NULL,
  details TEXT,
  check_at_ms INTEGER NOT NULL
) WITHOUT ROWID`,
  `CREATE INDEX IF NOT EXISTS ${state}_check ON ${state} (check_at_ms)`,
  `CREATE TABLE IF NOT EXISTS ${meta} (
  entry_name TEXT NOT NULL PRIMARY KEY COLLATE BINARY,
  entry_value INTEGER NOT NULL
) WITHOUT ROWID`,
];

/** The statements that make the tables, where they are not there yet. */
export const tableStatements: Readonly<
  Record<"mysql" | "sqlite", (names: TableNames) => readonly string[]>
> = { mysql, sqlite };

/** Refuses tables of a later version, whose rows may mean something else. */
export function checkVersion(version: unknown, { meta }: TableNames): void {
  if (Number(version) === SCHEMA_VERSION) return;
  throw new TollgateError(
    "INVALID_CONFIG",
    `the tables are of version ${String(version)} (${meta}), and this @tollgate/sql knows version ${String(SCHEMA_VERSION)}`,
  );
}
