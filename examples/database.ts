import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { mariadbServer, postgresServer, redisServer, type ServerKind } from "@tollgate/servers";

/** Where a database is, and what ends it if it was started here. */
export interface Database {
  readonly url: string;
  readonly stop: () => Promise<void>;
}

const variables = {
  redis: "REDIS_URL",
  postgres: "DATABASE_URL",
  mariadb: "MYSQL_URL",
} as const satisfies Record<ServerKind, string>;

const started = {
  redis: () => redisServer({ args: ["--appendonly", "yes"] }),
  postgres: () => postgresServer(),
  mariadb: () => mariadbServer(),
} as const satisfies Record<ServerKind, () => Promise<Database>>;

/** The server that the environment names, or else one of our own, which is gone afterwards. */
export async function serverFor(kind: ServerKind): Promise<Database> {
  const url = process.env[variables[kind]];
  if (url === undefined || url === "") return started[kind]();
  return { url, stop: async () => undefined };
}

/** A place for a file that is gone afterwards. */
export function temporaryFile(name: string): Database {
  const folder = mkdtempSync(join(tmpdir(), "tollgate-example-"));
  return {
    url: join(folder, name),
    stop: async () => {
      rmSync(folder, { recursive: true });
    },
  };
}

/** Runs an example on a database, and ends that whatever becomes of the example. */
export async function runOn(
  database: Database,
  run: (url: string) => Promise<void>,
): Promise<void> {
  try {
    await run(database.url);
  } finally {
    await database.stop();
  }
}
