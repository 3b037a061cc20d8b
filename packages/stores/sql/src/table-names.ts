import { configError } from "@tollgate/core/shared";

/** The names of what a store makes in the database. */
export interface TableNames {
  /** Usage and reservations; see `rows.ts`. */
  readonly state: string;
  /** A few numbers by name: the version of the tables, and who sweeps. */
  readonly meta: string;
}

export const STANDARD_PREFIX = "tollgate_";

const PREFIX = /^[a-z_][a-z0-9_]{0,30}$/;

/** @throws TollgateError `INVALID_CONFIG`: the prefix becomes part of statements */
export function tableNames(prefix: unknown, path: string): TableNames {
  if (typeof prefix !== "string" || !PREFIX.test(prefix)) {
    const expected = 'up to 31 of a-z, 0-9 and "_", not beginning with a digit';
    throw configError(path, expected, prefix);
  }
  return { state: `${prefix}state`, meta: `${prefix}meta` };
}
