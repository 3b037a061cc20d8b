import { configError, type Engine, type SharedStore, sharedStore } from "@tollgate/core/shared";

import { type PostgresClient, postgresConnection } from "./postgres-client.ts";
import { checkPostgresVersion, migratePostgres } from "./postgres-migrate.ts";
import type { Durability } from "./postgres-schema.ts";
import { postgresEngine } from "./postgres/engine.ts";
import {
  type CoalescingOptions,
  coalescingFields,
  parseCoalescing,
  parseOptions,
  type SqlStoreOptions,
} from "./store-options.ts";
import { startSweeping } from "./sweeper.ts";
import { Tables } from "./tables.ts";

/** Options of {@link postgresStore}. */
export interface PostgresStoreOptions extends SqlStoreOptions, CoalescingOptions {
  /** A `Pool` of `pg`, or a client of `postgres` (postgres.js). Stays open when the store is closed. */
  readonly client: PostgresClient;
  /** When a charge is safe from a crash of the server; see {@link Durability}. @default 'synchronous' */
  readonly durability?: Durability;
  /**
   * Whether statements are kept prepared on their connections. `false` behind a pooler that gives each
   * transaction another connection and does not know about them. @default true
   */
  readonly prepare?: boolean;
}

/** A {@link postgresStore}. */
export interface PostgresStore extends SharedStore {
  readonly synchronous: false;
  /** Makes the tables and the function, or brings them up to date; doing it again changes nothing. */
  readonly migrate: () => Promise<void>;
}

const durabilities: ReadonlySet<unknown> = new Set(["synchronous", "asynchronous", "unlogged"]);

/**
 * Usage in PostgreSQL 12 or later. A decision is one call of a function in the database; concurrent ones
 * share it.
 *
 * @throws TollgateError `INVALID_CONFIG`
 */
export function postgresStore(options: PostgresStoreOptions): PostgresStore {
  const own = ["client", "durability", "prepare", ...coalescingFields];
  const { names, prefix, clock, ...settings } = parseOptions(options, "postgresStore", own);
  const { durability = "synchronous", prepare = true } = options;
  if (!durabilities.has(durability)) {
    const expected = '"synchronous", "asynchronous" or "unlogged"';
    throw configError("postgresStore.durability", expected, durability);
  }
  if (typeof prepare !== "boolean") {
    throw configError("postgresStore.prepare", "true or false", prepare);
  }
  const coalescing = parseCoalescing(options, "postgresStore");
  const connection = postgresConnection(options.client, prepare, "postgresStore.client");
  const engine = postgresEngine(connection, { prefix, clock });
  const tables = new Tables(
    settings.migratesItself,
    () => migratePostgres(connection, names, prefix, durability),
    () => checkPostgresVersion(connection, names),
  );
  const prepared = onceReady(engine, tables.ready);
  const stopSweeping = startSweeping(
    {
      sweep: prepared.sweep,
      claimSweep: async (forMs) => {
        await tables.ready();
        const claimed = await connection.query(
          `UPDATE ${names.meta} SET entry_value = floor(extract(epoch FROM clock_timestamp()) * 1000) + $1::bigint
 WHERE entry_name = 'sweep' AND entry_value <= floor(extract(epoch FROM clock_timestamp()) * 1000)
 RETURNING entry_name`,
          [forMs],
        );
        return claimed.length > 0;
      },
    },
    settings.sweepEveryMs,
  );
  const store = sharedStore(
    {
      ...prepared,
      close: async () => {
        stopSweeping();
        await engine.close();
      },
    },
    coalescing,
  );
  return { ...store, synchronous: false, migrate: tables.migrate };
}

/** The engine, asked only when the tables are there. */
const onceReady = (engine: Engine, ready: () => Promise<void>): Engine => ({
  synchronous: false,
  run: async (trip) => {
    await ready();
    return engine.run(trip);
  },
  reservation: async (token) => {
    await ready();
    return engine.reservation(token);
  },
  reservationsAt: async (keys, ids) => {
    await ready();
    return engine.reservationsAt(keys, ids);
  },
  sweep: async (beforeMs) => {
    await ready();
    return engine.sweep(beforeMs);
  },
  async *exportUsage() {
    await ready();
    yield* engine.exportUsage();
  },
  importUsage: async (usage) => {
    await ready();
    return engine.importUsage(usage);
  },
  close: engine.close,
});
