/** Runs one statement and answers with its rows, or the number of rows it changed. */
export type Query = (text: string, values: readonly unknown[]) => Promise<QueryResult>;

export interface QueryResult {
  readonly rows: readonly Readonly<Record<string, unknown>>[];
  readonly changed: number;
}

/** What is needed of a client library: the only things the engine knows of it. */
export interface LockingSeam {
  /** Runs one statement on any connection, in a transaction of its own. */
  readonly query: Query;
  /**
   * Lends one connection for as long as `work` takes. It is closed instead of given back when `work`
   * fails, unless the failure says that the connection is still good.
   */
  readonly withConnection: <T>(work: (query: Query) => Promise<T>) => Promise<T>;
}
