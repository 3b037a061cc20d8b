import { configError } from "@tollgate/core/shared";

import { type Durability, postgresStatements } from "./postgres-schema.ts";
import {
  type Dialect,
  SCHEMA_VERSION,
  SWEEP_ENTRY,
  tableStatements,
  VERSION_ENTRY,
} from "./schema.ts";
import { STANDARD_PREFIX, tableNames } from "./table-names.ts";

/** Options of {@link ddl}. */
export interface DdlOptions {
  /** @default 'tollgate_' */
  readonly tablePrefix?: string;
  /** PostgreSQL only. @default 'synchronous' */
  readonly durability?: Durability;
}

/**
 * What `migrate()` does, as text, for who makes tables in another way: statements that change nothing
 * where they have been run before. Tell the store `migrate: 'manual'` then.
 *
 * @throws TollgateError `INVALID_CONFIG`
 */
export function ddl(
  dialect: Dialect,
  { tablePrefix = STANDARD_PREFIX, durability = "synchronous" }: DdlOptions = {},
): string {
  const names = tableNames(tablePrefix, "ddl.tablePrefix");
  if (dialect === "postgres") {
    return script(postgresStatements(names, tablePrefix, durability));
  }
  if (dialect !== "mysql" && dialect !== "sqlite") {
    throw configError("ddl.dialect", '"postgres", "mysql" or "sqlite"', dialect);
  }
  const insert = dialect === "mysql" ? "INSERT IGNORE" : "INSERT OR IGNORE";
  const values = `('${VERSION_ENTRY}', ${String(SCHEMA_VERSION)}), ('${SWEEP_ENTRY}', 0)`;
  return script([
    ...tableStatements[dialect](names),
    `${insert} INTO ${names.meta} (entry_name, entry_value) VALUES ${values}`,
  ]);
}

const script = (statements: readonly string[]): string => `${statements.join(";\n\n")};\n`;
