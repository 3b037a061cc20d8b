import {
  type Clock,
  type CoalescerOptions,
  configError,
  isObject,
  parseInteger,
  rejectUnknownKeys,
} from "@tollgate/core/shared";

import { STANDARD_PREFIX, type TableNames, tableNames } from "./table-names.ts";

/** What all SQL stores can be told. */
export interface SqlStoreOptions {
  /** Begins the names of the tables: up to 31 of a-z, 0-9 and `_`. @default 'tollgate_' */
  readonly tablePrefix?: string;
  /**
   * `auto` makes or updates the tables before the first call, which any number of processes can do at
   * the same time; `manual` leaves that to `store.migrate()` or to the text of `ddl()`.
   * @default 'auto'
   */
  readonly migrate?: "auto" | "manual";
  /**
   * How often this process removes what has expired, in ms: 1,000 to a day. Of processes that share
   * the tables one does it at a time. @default never; then call `limiter.resetExpired()`
   */
  readonly sweepEveryMs?: number;
  /** Epoch milliseconds in place of the database's clock: for tests only. */
  readonly clock?: Clock;
}

/** How calls share round trips; for stores that answer later. */
export interface CoalescingOptions {
  /** The most calls of one round trip: 1 to 1,000. @default 128 */
  readonly maxBatch?: number;
  /** The most round trips under way: 1 to 100. Each takes a connection. @default 4 */
  readonly maxInFlight?: number;
  /** The most calls that wait for a round trip; further ones fail. @default 10,000 */
  readonly maxQueued?: number;
}

const common = ["tablePrefix", "migrate", "sweepEveryMs", "clock"];
const coalescing = ["maxBatch", "maxInFlight", "maxQueued"];

/** The same, checked. */
export interface Settings {
  readonly names: TableNames;
  readonly prefix: string;
  readonly migratesItself: boolean;
  readonly sweepEveryMs: number | undefined;
  readonly clock: Clock | undefined;
}

const DAY_MS = 86_400_000;

/**
 * @param store the function's name, for messages
 * @param own options of this kind of store
 */
export function parseOptions(options: unknown, store: string, own: readonly string[]): Settings {
  if (!isObject(options)) throw configError(store, "an options object", options);
  rejectUnknownKeys(options, [...own, ...common], store);
  const { tablePrefix: prefix = STANDARD_PREFIX, migrate, sweepEveryMs, clock } = options;
  const names = tableNames(prefix, `${store}.tablePrefix`);
  if (migrate !== undefined && migrate !== "auto" && migrate !== "manual") {
    throw configError(`${store}.migrate`, '"auto" or "manual"', migrate);
  }
  const every = `${store}.sweepEveryMs`;
  return {
    names,
    prefix: String(prefix),
    migratesItself: migrate !== "manual",
    sweepEveryMs:
      sweepEveryMs === undefined
        ? undefined
        : parseInteger(sweepEveryMs, every, "milliseconds", 1000, DAY_MS),
    clock: isClock(clock, `${store}.clock`) ? clock : undefined,
  };
}

function isClock(clock: unknown, path: string): clock is Clock {
  if (clock === undefined) return false;
  if (typeof clock === "function") return true;
  throw configError(path, "a function", clock);
}

export function parseCoalescing(
  { maxBatch = 128, maxInFlight = 4, maxQueued = 10_000 }: CoalescingOptions,
  store: string,
): CoalescerOptions {
  return {
    maxBatch: parseInteger(maxBatch, `${store}.maxBatch`, "calls", 1, 1000),
    maxInFlight: parseInteger(maxInFlight, `${store}.maxInFlight`, "round trips", 1, 100),
    maxQueued: parseInteger(maxQueued, `${store}.maxQueued`, "calls", 1, 10_000_000),
  };
}

export const coalescingFields: readonly string[] = coalescing;
