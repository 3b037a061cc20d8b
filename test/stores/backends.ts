import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import type { Clock, Store } from "@tollgate/core";
import { redisStore } from "@tollgate/redis";
import {
  mariadbServer,
  postgresServer,
  redisServer,
  type RunningServer,
  type ServerKind,
} from "@tollgate/servers";
import { mysqlStore, postgresStore, sqliteStore } from "@tollgate/sql";
import Database from "better-sqlite3";
import { Redis } from "ioredis";
import mysql from "mysql2/promise";
import pg from "pg";
import postgres from "postgres";
import { createClient } from "redis";

/** The stores that processes can share, each with a client that people use. */
export const backendNames = [
  "redis with ioredis",
  "redis with node-redis",
  "postgres with pg",
  "postgres with postgres.js",
  "mariadb with mysql2",
  "sqlite with better-sqlite3",
] as const;

export type BackendName = (typeof backendNames)[number];

/** A store and the client that was opened for it. */
export interface OpenStore {
  readonly store: Store;
  /** Closes the client too. */
  readonly close: () => Promise<void>;
}

export interface OpenOptions {
  readonly backend: BackendName;
  /** Of the server, or the path of the file. */
  readonly url: string;
  /** Keeps what is stored apart: lower-case letters, digits and `_`. */
  readonly namespace: string;
  readonly clock?: Clock | undefined;
}

/** Which server a backend needs; `undefined` for none. */
export function serverOf(backend: BackendName): ServerKind | undefined {
  if (backend.startsWith("redis")) return "redis";
  if (backend.startsWith("postgres")) return "postgres";
  return backend.startsWith("mariadb") ? "mariadb" : undefined;
}

// In zones of their own, so that none of theirs and ours is the same by chance.
const startIn: Readonly<Record<ServerKind, (isDurable: boolean) => Promise<RunningServer>>> = {
  redis: (isDurable) =>
    redisServer({ args: isDurable ? ["--appendonly", "yes", "--appendfsync", "everysec"] : [] }),
  postgres: (isDurable) =>
    postgresServer({ settings: { timezone: "Asia/Kolkata", fsync: isDurable ? "on" : "off" } }),
  mariadb: (isDurable) =>
    mariadbServer({
      settings: {
        default_time_zone: "-03:30",
        innodb_flush_log_at_trx_commit: isDurable ? "1" : "0",
      },
    }),
};

/**
 * Starts what a backend needs: a server, or a folder for the file.
 * @param isDurable whether what is committed is to survive a crash of the server
 */
export async function startServer(
  backend: BackendName,
  isDurable: boolean,
): Promise<Pick<RunningServer, "url" | "stop"> & { readonly server?: RunningServer }> {
  const kind = serverOf(backend);
  if (kind === undefined) {
    const folder = mkdtempSync(join(tmpdir(), "tollgate-sqlite-"));
    return {
      url: join(folder, "usage.db"),
      stop: async () => {
        rmSync(folder, { recursive: true, force: true });
      },
    };
  }
  const server = await startIn[kind](isDurable);
  return { url: server.url, stop: () => server.stop(), server };
}

// What a client tells of connections that nobody uses at the time. Without a listener it ends the process.
const ignored = (): void => undefined;

/** Opens a store as an application would. */
export async function openStore(options: OpenOptions): Promise<OpenStore> {
  const { backend, url, namespace, clock } = options;
  const timing = clock === undefined ? {} : { clock };
  const prefix = `${namespace}:`;
  const tablePrefix = `${namespace}_`;
  switch (backend) {
    case "redis with ioredis": {
      const client = new Redis(url);
      client.on("error", ignored);
      return {
        store: redisStore({ client, prefix, ...timing }),
        close: async () => {
          await client.quit();
        },
      };
    }
    case "redis with node-redis": {
      const client = createClient({ url });
      client.on("error", ignored);
      await client.connect();
      return {
        store: redisStore({ client, prefix, ...timing }),
        close: async () => {
          client.destroy();
        },
      };
    }
    case "postgres with pg": {
      const pool = new pg.Pool({ connectionString: url, max: 4 });
      pool.on("error", ignored);
      return {
        store: postgresStore({ client: pool, tablePrefix, ...timing }),
        close: () => pool.end(),
      };
    }
    case "postgres with postgres.js": {
      const sql = postgres(url, { max: 4, onnotice: () => undefined });
      return {
        store: postgresStore({ client: sql, tablePrefix, ...timing }),
        close: () => sql.end({ timeout: 1 }),
      };
    }
    case "mariadb with mysql2": {
      const pool = mysql.createPool({ uri: url, connectionLimit: 4 });
      return { store: mysqlStore({ pool, tablePrefix, ...timing }), close: () => pool.end() };
    }
    case "sqlite with better-sqlite3": {
      const database = new Database(url, { timeout: 30_000 });
      database.pragma("journal_mode = WAL");
      database.pragma("synchronous = NORMAL");
      return {
        store: sqliteStore({ database, tablePrefix, ...timing }),
        close: async () => {
          database.close();
        },
      };
    }
  }
}
