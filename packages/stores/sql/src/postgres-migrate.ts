import type { PostgresConnection } from "./postgres-client.ts";
import { type Durability, postgresStatements } from "./postgres-schema.ts";
import { checkVersion, VERSION_ENTRY } from "./schema.ts";
import type { TableNames } from "./table-names.ts";

/** "tollgate" as a number, so that no other program is likely to lock the same. */
const LOCK = 0x70_6c_67_74;

/** Makes the tables and the function, or brings them to this version. */
export async function migratePostgres(
  connection: PostgresConnection,
  names: TableNames,
  prefix: string,
  durability: Durability,
): Promise<void> {
  const statements = postgresStatements(names, prefix, durability).join(";\n");
  try {
    // Several statements without values are one transaction, at whose end the lock is given back.
    await connection.script(`SELECT pg_advisory_xact_lock(${String(LOCK)});\n${statements}`);
  } catch (error) {
    await checkPostgresVersion(connection, names);
    throw error;
  }
  await checkPostgresVersion(connection, names);
}

/** @throws TollgateError `INVALID_CONFIG` when the tables are of another version */
export async function checkPostgresVersion(
  connection: PostgresConnection,
  { meta, ...names }: TableNames,
): Promise<void> {
  const [row] = await connection.query(
    `SELECT entry_value::text AS entry_value FROM ${meta} WHERE entry_name = $1`,
    [VERSION_ENTRY],
  );
  checkVersion(row?.["entry_value"], { meta, ...names });
}
