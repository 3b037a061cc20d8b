import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { createLimiter, type LimitInput, type Store } from "@tollgate/core";
import { redisStore } from "@tollgate/redis";
import { mariadbServer, postgresServer, redisServer } from "@tollgate/servers";
import { type Durability, mysqlStore, postgresStore, sqliteStore } from "@tollgate/sql";
import Database from "better-sqlite3";
import { Redis } from "ioredis";
import { createPool } from "mysql2";
import pg from "pg";

import type { Decider } from "./stores-load.ts";
import {
  layers,
  mysqlPeers,
  type Peers,
  peerTables,
  PLENTY,
  postgresPeers,
  redisPeers,
  sqlitePeers,
} from "./stores-peers.ts";
import { serverMs } from "./stores-server-time.ts";

/** Connections of a pool, which both sides share: what `pg` and `mysql2` take if not told. */
const POOL_SIZE = 10;

/** A database that runs, with a client that both sides use. */
export interface Backend {
  /** What it is, with its version. */
  readonly about: string;
  readonly store: Store;
  readonly peers: Peers;
  /** The same peers with the client set up better for them, if it can be. */
  readonly tunedPeers?: Peers;
  /** Asks the database for next to nothing. */
  readonly roundTrip: Decider;
  /** The processor time it has used, in ms, where it has a process of its own. */
  readonly serverMs: () => number | undefined;
  readonly close: () => Promise<void>;
}

export const fourLimits: readonly LimitInput[] = layers.map(({ scope, window }) => ({
  type: "count",
  scope,
  window,
  limit: PLENTY,
}));

/** A limiter that is meant to admit everything. */
export function tollgate(
  store: Store,
  limits: readonly LimitInput[] = fourLimits,
  name = "bench",
): Decider {
  const limiter = createLimiter({ name, limits, store });
  return {
    name: "tollgate",
    decide: store.synchronous
      ? (caller) => assertAdmitted(limiter.checkAndRecord({ ...caller }))
      : async (caller) => assertAdmitted(await limiter.checkAndRecord({ ...caller })),
  };
}

function assertAdmitted(decision: unknown): void {
  const isAdmitted =
    typeof decision === "object" &&
    decision !== null &&
    "allowed" in decision &&
    decision.allowed === true;
  if (!isAdmitted) throw new Error("a call was refused, or not answered at once");
}

export async function redisBackend(): Promise<Backend & { readonly client: Redis }> {
  const server = await redisServer();
  const client = new Redis(server.url);
  const pipelining = new Redis(server.url, { enableAutoPipelining: true });
  const [, version = "?"] = /redis_version:(\S+)/.exec(await client.info("server")) ?? [];
  return {
    client,
    about: `Redis ${version}, ioredis`,
    store: redisStore({ client }),
    peers: redisPeers(client),
    tunedPeers: redisPeers(pipelining, ", auto-pipelining client"),
    roundTrip: { name: "PING", decide: () => client.ping() },
    serverMs: () => serverMs(server.pid),
    close: async () => {
      await Promise.all([client.quit(), pipelining.quit()]);
      await server.stop();
    },
  };
}

/** The peer's tables and connections are made as durable as ours. */
export async function postgresBackend(
  durability: Durability,
  poolSize: number = POOL_SIZE,
): Promise<Backend & { readonly client: pg.Pool }> {
  const server = await postgresServer();
  const commit = durability === "asynchronous" ? "off" : "on";
  const client = new pg.Pool({
    connectionString: server.url,
    max: poolSize,
    options: `-c synchronous_commit=${commit}`,
  });
  const { rows } = await client.query<{ server_version: string }>("SHOW server_version");
  const peers = await postgresPeers(client);
  if (durability === "unlogged") {
    for (const name of peerTables) await client.query(`ALTER TABLE "${name}" SET UNLOGGED`);
  }
  const selectOne = { name: "bench-select-1", text: "SELECT 1" };
  return {
    client,
    about: `PostgreSQL ${rows[0]?.server_version ?? "?"}, pg, ${durability}`,
    store: postgresStore({ client, durability }),
    peers,
    roundTrip: { name: "SELECT 1", decide: () => client.query(selectOne) },
    serverMs: () => serverMs(server.pid),
    close: async () => {
      await client.end();
      await server.stop();
    },
  };
}

export async function mariadbBackend(): Promise<Backend> {
  const server = await mariadbServer();
  const pool = createPool({ uri: server.url, connectionLimit: POOL_SIZE });
  const promises = pool.promise();
  const [rows] = await promises.query("SELECT VERSION() AS version");
  const row: unknown = Array.isArray(rows) ? rows[0] : undefined;
  const version = typeof row === "object" && row !== null ? Reflect.get(row, "version") : "?";
  return {
    about: `${String(version)}, mysql2`,
    store: mysqlStore({ pool }),
    peers: await mysqlPeers(pool, new URL(server.url).pathname.slice(1)),
    roundTrip: { name: "SELECT 1", decide: () => promises.query("SELECT 1") },
    serverMs: () => serverMs(server.pid),
    close: async () => {
      await promises.end();
      await server.stop();
    },
  };
}

export async function sqliteBackend(): Promise<Backend> {
  const folder = mkdtempSync(join(tmpdir(), "tollgate-bench-"));
  const database = new Database(join(folder, "usage.db"));
  database.pragma("journal_mode = WAL");
  database.pragma("synchronous = NORMAL");
  const version = database.prepare("SELECT sqlite_version()").pluck().get();
  const selectOne = database.prepare("SELECT 1");
  return {
    about: `SQLite ${String(version)}, better-sqlite3, WAL, synchronous = NORMAL`,
    store: sqliteStore({ database }),
    peers: await sqlitePeers(database),
    roundTrip: { name: "SELECT 1", decide: () => selectOne.get() },
    serverMs: () => undefined,
    close: async () => {
      database.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
