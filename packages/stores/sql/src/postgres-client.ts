import { configError } from "@tollgate/core/shared";

import {
  type PgPool,
  pgSeam,
  type PostgresJs,
  type PostgresSeam,
  postgresJsSeam,
} from "./postgres/seam.ts";

/** What a store is given: a `Pool` of `pg`, or the function that `postgres` (postgres.js) makes. */
export type PostgresClient = PgPool | PostgresJs;

/** A client as the store and its migration use it. */
export interface PostgresConnection extends PostgresSeam {
  /** Runs several statements without values, all or none. */
  readonly script: (text: string) => Promise<void>;
}

const has = (value: unknown, method: string): boolean =>
  ((typeof value === "object" && value !== null) || typeof value === "function") &&
  typeof Reflect.get(value, method) === "function";

const isPostgresJs = (client: unknown): client is PostgresJs => has(client, "unsafe");
// A single client would run the statements of all calls one after the other.
const isPgPool = (client: unknown): client is PgPool & TextQuery =>
  has(client, "query") && has(client, "connect");

interface TextQuery {
  query(text: string): Promise<unknown>;
}

interface Script {
  simple(): PromiseLike<unknown>;
}

const isScript = (value: unknown): value is Script => has(value, "simple");

/** @throws TollgateError `INVALID_CONFIG` */
export function postgresConnection(
  client: unknown,
  prepare: boolean,
  path: string,
): PostgresConnection {
  if (isPostgresJs(client)) {
    return {
      ...postgresJsSeam(client, { prepare }),
      script: async (text) => {
        const query: unknown = client.unsafe(text, [], { prepare: false });
        await (isScript(query) ? query.simple() : undefined);
      },
    };
  }
  if (isPgPool(client)) {
    return {
      ...pgSeam(client, { prepare }),
      script: async (text) => {
        // Without values pg takes the simple protocol, which knows several statements at once.
        await client.query(text);
      },
    };
  }
  throw configError(path, "a Pool of pg, or a client of postgres (postgres.js)", client);
}
