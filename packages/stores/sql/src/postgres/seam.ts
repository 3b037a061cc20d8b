/** What the store needs of a client of PostgreSQL. */
export interface PostgresSeam {
  /**
   * Runs one statement on any connection, in a transaction of its own at READ COMMITTED.
   * @param values texts and numbers; also arrays go as texts
   * @param name under which it may be kept prepared: texts of one name are always the same
   * @returns the rows as objects; every column is a text, or null
   */
  readonly query: (
    text: string,
    values: readonly (string | number | null)[],
    name?: string,
  ) => Promise<readonly Readonly<Record<string, unknown>>[]>;
}

/** The part of a pool, or client, of `pg` 8 that is used. */
export interface PgPool {
  query(config: { name?: string; text: string; values: unknown[] }): Promise<{
    rows: Record<string, unknown>[];
  }>;
}

/** Of `postgres` 3, which names the statements it prepares itself. */
export interface PostgresJs {
  unsafe(
    text: string,
    values: (string | number | null)[],
    options: { prepare: boolean },
  ): PromiseLike<readonly Record<string, unknown>[]>;
}

export interface SeamOptions {
  /**
   * Whether statements are kept prepared on their connections. Not behind a pooler that hands out a
   * connection for each transaction, unless it knows about prepared statements. @default true
   */
  readonly prepare?: boolean;
}

/** A pool of node-postgres. */
export const pgSeam = (pool: PgPool, { prepare = true }: SeamOptions = {}): PostgresSeam => ({
  query: async (text, values, name) => {
    const named = prepare && name !== undefined ? { name } : {};
    return (await pool.query({ ...named, text, values: [...values] })).rows;
  },
});

/** A client of postgres.js. */
export const postgresJsSeam = (
  sql: PostgresJs,
  { prepare = true }: SeamOptions = {},
): PostgresSeam => ({
  query: async (text, values, name) =>
    sql.unsafe(text, [...values], { prepare: prepare && name !== undefined }),
});
