import { missingPackage, type ServerKind } from "@tollgate/servers";

import type { Bench } from "./harness.ts";
import { mariadbBackend, postgresBackend, redisBackend, sqliteBackend } from "./stores-backends.ts";
import { compareLoads } from "./stores-compare.ts";
import { postgresFloor, redisFloor } from "./stores-floors.ts";
import { lone } from "./stores-latency.ts";

/** Only where the server is installed. */
const on =
  (kind: ServerKind, run: () => Promise<void>): (() => Promise<void>) =>
  async () => {
    const missing = missingPackage(kind);
    if (missing === undefined) await run();
    else console.log(`SKIPPED: needs ${missing}`);
  };

const openSynchronous = async () => postgresBackend("synchronous");
const openAsynchronous = async () => postgresBackend("asynchronous");
const openUnlogged = async () => postgresBackend("unlogged");

/** Decisions over four limits in shared stores, against a peer and against the store itself. */
export const stores: Bench = {
  redis: on("redis", async () => compareLoads("redis", redisBackend, 3)),
  "postgres-synchronous": on("postgres", async () =>
    compareLoads("postgres-synchronous", openSynchronous, 3),
  ),
  "postgres-asynchronous": on("postgres", async () =>
    compareLoads("postgres-asynchronous", openAsynchronous, 3),
  ),
  "postgres-unlogged": on("postgres", async () =>
    compareLoads("postgres-unlogged", openUnlogged, 3),
  ),
  mariadb: on("mariadb", async () => compareLoads("mariadb", mariadbBackend, 5)),
  // It answers at once: more loops would only wait for each other.
  sqlite: async () => compareLoads("sqlite", sqliteBackend, 10, [1]),

  "redis-floor": on("redis", redisFloor),
  "postgres-floor-synchronous": on("postgres", async () => postgresFloor("synchronous")),
  "postgres-floor-asynchronous": on("postgres", async () => postgresFloor("asynchronous")),

  "redis-lone": on("redis", async () => lone("redis-lone", redisBackend)),
  "postgres-lone-synchronous": on("postgres", async () =>
    lone("postgres-lone-synchronous", openSynchronous),
  ),
  "postgres-lone-unlogged": on("postgres", async () =>
    lone("postgres-lone-unlogged", openUnlogged),
  ),
  "mariadb-lone": on("mariadb", async () => lone("mariadb-lone", mariadbBackend)),
  "sqlite-lone": async () => lone("sqlite-lone", sqliteBackend),
};
