import { postgresServer, type RunningServer } from "@tollgate/servers";
import { Pool } from "pg";
import postgres from "postgres";

import { runFunction, type RunFunctionOptions } from "./run-function.ts";
import { pgSeam, type PostgresSeam, postgresJsSeam } from "./seam.ts";

/** What makes the table, and the function on it. */
const ddlOf = (prefix: string, options: RunFunctionOptions = {}): readonly string[] => [
  `CREATE TABLE ${prefix}state (
    entry_key text COLLATE "C" PRIMARY KEY,
    numbers bigint[] NOT NULL,
    details text,
    check_at_ms bigint NOT NULL
  ) WITH (fillfactor = 50)`,
  `CREATE INDEX ON ${prefix}state (check_at_ms)`,
  runFunction(prefix, options),
];

/** A server, a connected client of each kind, and as many empty tables as are asked for. */
export class PostgresSetup {
  readonly #server: RunningServer;
  readonly pool: Pool;
  readonly sql: postgres.Sql;
  readonly #prefixes: string[] = [];

  private constructor(server: RunningServer, connections: number) {
    this.#server = server;
    this.pool = new Pool({ connectionString: server.url, max: connections });
    this.sql = postgres(server.url, { max: connections, onnotice: () => undefined });
  }

  static async start(connections: number): Promise<PostgresSetup> {
    // What is committed need not survive these tests.
    const server = await postgresServer({ settings: { fsync: "off" } });
    return new PostgresSetup(server, connections);
  }

  seam(client: "pg" | "postgres.js"): PostgresSeam {
    return client === "pg" ? pgSeam(this.pool) : postgresJsSeam(this.sql);
  }

  /** Makes a new table and its function; returns their prefix. */
  async table(options?: RunFunctionOptions): Promise<string> {
    const prefix = `t${String(process.pid)}_${String(this.#prefixes.length)}_`;
    this.#prefixes.push(prefix);
    for (const statement of ddlOf(prefix, options)) await this.pool.query(statement);
    return prefix;
  }

  async stop(): Promise<void> {
    // The server may be somebody else's.
    for (const prefix of this.#prefixes) {
      await this.pool.query(`DROP FUNCTION ${prefix}run_v1; DROP TABLE ${prefix}state`);
    }
    await this.pool.end();
    await this.sql.end();
    await this.#server.stop();
  }
}
