import { configError } from "@tollgate/core/shared";

import type { LockingSeam, Query, QueryResult } from "../locking/seam.ts";

/** A connection as `mysql2/promise` lends it. */
interface MysqlConnection {
  query(options: { readonly sql: string; readonly values: unknown }): Promise<unknown>;
  release(): void;
  destroy(): void;
}

interface PromisePool {
  getConnection(): Promise<MysqlConnection>;
}

/** What is used of a pool of `mysql2`, of the callback kind or of `mysql2/promise`. */
export interface MysqlPool {
  getConnection(...callback: never[]): unknown;
  /** The same pool with promises, where this is not it. */
  promise?(): unknown;
}

const isObject = (value: unknown): value is object => typeof value === "object" && value !== null;

const has = (value: unknown, method: string): boolean =>
  isObject(value) && typeof Reflect.get(value, method) === "function";

const isPromisePool = (pool: unknown): pool is PromisePool => has(pool, "getConnection");

/** @throws TollgateError `INVALID_CONFIG` */
export function mysqlSeam(pool: unknown, path: string): LockingSeam {
  const promised: unknown =
    isObject(pool) && has(pool, "promise")
      ? Reflect.apply(Reflect.get(pool, "promise"), pool, [])
      : pool;
  if (!isPromisePool(promised)) throw configError(path, "a pool of mysql2", pool);
  return new MysqlSeam(promised);
}

class MysqlSeam implements LockingSeam {
  readonly #pool: PromisePool;

  constructor(pool: PromisePool) {
    this.#pool = pool;
  }

  readonly query: Query = (text, values) => this.withConnection((query) => query(text, values));

  readonly withConnection = async <T>(work: (query: Query) => Promise<T>): Promise<T> => {
    const connection = await this.#pool.getConnection();
    let result: T;
    try {
      result = await work((text, values) => ask(connection, text, values));
    } catch (error) {
      // What the server itself refused leaves the connection as it was.
      if (isServersAnswer(error)) connection.release();
      else connection.destroy();
      throw error;
    }
    connection.release();
    return result;
  };
}

const isServersAnswer = (error: unknown): boolean =>
  isObject(error) &&
  typeof Reflect.get(error, "sqlState") === "string" &&
  Reflect.get(error, "fatal") !== true;

async function ask(
  connection: MysqlConnection,
  sql: string,
  values: readonly unknown[],
): Promise<QueryResult> {
  // Whatever the pool was told about how to hand out rows is for the application's own statements.
  const options = { sql, values, rowsAsArray: false, nestTables: false, typeCast: true };
  const answer = await connection.query(options);
  const [result]: unknown[] = Array.isArray(answer) ? answer : [];
  if (Array.isArray(result)) return { rows: result, changed: 0 };
  const changed = isObject(result) ? Number(Reflect.get(result, "affectedRows") ?? 0) : 0;
  return { rows: [], changed };
}
