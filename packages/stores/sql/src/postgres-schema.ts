import { runFunction } from "./postgres/run-function.ts";
import { SCHEMA_VERSION, SWEEP_ENTRY, VERSION_ENTRY } from "./schema.ts";
import type { TableNames } from "./table-names.ts";

/**
 * When a charge is safe from a crash of the database server. No choice loses anything when a process of
 * the application dies.
 *
 * - `synchronous`: when the call is answered. Each round trip waits for the disk.
 * - `asynchronous`: within three times `wal_writer_delay`, 0.6 s by default; a crash forgives what was
 *   charged in that time. Up to 25 times as fast on a busy subject.
 * - `unlogged`: never; after a crash, and on a standby that takes over, everybody starts anew.
 */
export type Durability = "synchronous" | "asynchronous" | "unlogged";

/** What makes the tables and the function, where they are not there yet. */
export function postgresStatements(
  { state, meta }: TableNames,
  prefix: string,
  durability: Durability,
): readonly string[] {
  const unlogged = durability === "unlogged" ? "UNLOGGED " : "";
  return [
    // Half of each page is left free, so that a row's next version finds room beside it and no index is
    // touched. Keys are compared by their bytes, never by a locale.
    `CREATE ${unlogged}TABLE IF NOT EXISTS ${state} (
  entry_key text COLLATE "C" PRIMARY KEY,
  numbers bigint[] NOT NULL,
  details text,
  check_at_ms bigint NOT NULL
) WITH (fillfactor = 50)`,
    `CREATE INDEX IF NOT EXISTS ${state}_check ON ${state} (check_at_ms)`,
    `CREATE ${unlogged}TABLE IF NOT EXISTS ${meta} (
  entry_name text COLLATE "C" PRIMARY KEY,
  entry_value bigint NOT NULL
)`,
    `INSERT INTO ${meta} (entry_name, entry_value)
VALUES ('${VERSION_ENTRY}', ${String(SCHEMA_VERSION)}), ('${SWEEP_ENTRY}', 0)
ON CONFLICT (entry_name) DO NOTHING`,
    // Before the function is made anew: that of a later version must not be put back.
    `DO $$ BEGIN
  IF (SELECT entry_value FROM ${meta} WHERE entry_name = '${VERSION_ENTRY}') <> ${String(SCHEMA_VERSION)} THEN
    RAISE EXCEPTION '${meta} is of another version';
  END IF;
END $$`,
    runFunction(prefix, { synchronousCommit: durability !== "asynchronous" }),
  ];
}
