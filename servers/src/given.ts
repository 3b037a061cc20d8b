import type { ServerKind } from "./availability.ts";
import type { RunningServer } from "./server.ts";

const variables = {
  redis: "TOLLGATE_TEST_REDIS_URL",
  postgres: "TOLLGATE_TEST_POSTGRES_URL",
  mariadb: "TOLLGATE_TEST_MARIADB_URL",
} as const;

export function givenUrl(kind: ServerKind): string | undefined {
  return process.env[variables[kind]] || undefined;
}

const standardPorts = { redis: 6379, postgres: 5432, mariadb: 3306 } as const;

/** Somebody else's server, named in the environment: it can be used, but not ended. */
export function givenServer(kind: ServerKind): RunningServer | undefined {
  const url = givenUrl(kind);
  if (url === undefined) return undefined;
  const refuse = (): never => {
    throw new Error(`the ${kind} server is not ours: ${variables[kind]} names it`);
  };
  return {
    url,
    port: Number(new URL(url).port) || standardPorts[kind],
    pid: undefined,
    own: false,
    kill: async () => refuse(),
    restart: async () => refuse(),
    pause: refuse,
    resume: refuse,
    stop: async () => {},
  };
}
