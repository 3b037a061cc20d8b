import {
  type Clock,
  configError,
  isObject,
  parseInteger,
  rejectUnknownKeys,
  type SharedStore,
  sharedStore,
} from "@tollgate/core/shared";

import {
  type IoredisClient,
  type IoredisCluster,
  type NodeRedisClient,
  type NodeRedisCluster,
  type RedisClient,
  redisClient,
} from "./client.ts";
import { clusterEngine } from "./cluster-engine.ts";
import { redisEngine } from "./engine.ts";

/** Options of {@link redisStore}. */
export interface RedisStoreOptions {
  /**
   * A client or cluster of ioredis or redis, or anything that sends commands. It stays yours: `close`
   * leaves it.
   */
  readonly client:
    | IoredisClient
    | IoredisCluster
    | NodeRedisClient
    | NodeRedisCluster
    | RedisClient;
  /** With which every key begins. @default "tollgate:" */
  readonly prefix?: string;
  /** The most calls that travel to Redis together. @default 64 */
  readonly maxBatch?: number;
  /** The most commands under way at one time. @default 4, and 256 on a cluster */
  readonly maxInFlight?: number;
  /** The most calls that wait; further ones fail. @default 10_000 */
  readonly maxQueued?: number;
  /** Epoch milliseconds in place of the server's clock. For tests: keys then outlive their time. */
  readonly clock?: Clock;
}

const known = ["client", "prefix", "maxBatch", "maxInFlight", "maxQueued", "clock"];

// Braces would move the hash tag of Redis Cluster.
function prefixIn(value: unknown): string {
  if (typeof value === "string" && /^[\x21-\x7a|~]{0,64}$/.test(value)) return value;
  throw configError(
    "redisStore.prefix",
    "up to 64 printable ASCII characters without blanks and braces",
    value,
  );
}

/**
 * State in Redis 6.2 or newer, or Valkey, shared by every process that uses the same prefix: a
 * decision over all limits is one call of one script, at the time of the server's clock. On a cluster,
 * it is one for each group of records that lie on one node.
 *
 * @throws TollgateError `INVALID_CONFIG`
 */
export function redisStore(options: RedisStoreOptions): SharedStore {
  const given: unknown = options;
  if (!isObject(given)) throw configError("redisStore", "an options object", given);
  rejectUnknownKeys(given, known, "redisStore");
  const client = redisClient(options.client, "redisStore.client");
  const isCluster = client.masters !== undefined;
  const {
    prefix = "tollgate:",
    maxBatch = 64,
    // While one node of a cluster does not answer, calls on the others go on.
    maxInFlight = isCluster ? 256 : 4,
    maxQueued = 10_000,
    clock,
  } = options;
  if (clock !== undefined && typeof clock !== "function") {
    throw configError("redisStore.clock", "a function", clock);
  }
  const parts = { client, prefix: prefixIn(prefix), clock };
  const engine = isCluster ? clusterEngine(parts) : redisEngine(parts);
  return sharedStore(engine, {
    // Beyond it, Lua could not hand all keys to one function.
    maxBatch: parseInteger(maxBatch, "redisStore.maxBatch", "calls together", 1, 256),
    maxInFlight: parseInteger(maxInFlight, "redisStore.maxInFlight", "commands at once", 1, 1024),
    maxQueued: parseInteger(maxQueued, "redisStore.maxQueued", "calls that wait", 1, 10_000_000),
    // A server runs the commands of a connection one after the other; nodes of a cluster do not agree.
    inOrder: !isCluster,
  });
}
