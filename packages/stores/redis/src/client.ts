import { setTimeout as sleep } from "node:timers/promises";

import { configError, isObject } from "@tollgate/core/shared";

/** An argument of a command. */
export type Argument = string | Buffer;

/**
 * All that the store asks of a client: to send one command, and to give its reply with bulk strings as
 * Buffers, integers as numbers and nothing as `null`. It rejects with the server's error, whose
 * message begins with the error's code.
 */
export interface RedisClient {
  /** @param key one of the command's keys: on a cluster it goes to the node that has it */
  readonly send: (args: readonly Argument[], key?: string) => Promise<unknown>;
  /** On a cluster, a client for each master. */
  readonly masters?: () => Promise<readonly RedisClient[]>;
}

/** What is used of an ioredis client. */
export interface IoredisClient {
  readonly callBuffer: (command: string, args: Argument[]) => Promise<unknown>;
}

/** What is used of an ioredis cluster. */
export interface IoredisCluster extends IoredisClient {
  readonly nodes: (role: "master") => readonly IoredisClient[];
}

interface NodeRedisOptions {
  readonly typeMapping: Readonly<Record<number, unknown>>;
}

/** What is used of a node-redis client. */
export interface NodeRedisClient {
  readonly sendCommand: (args: readonly Argument[], options: NodeRedisOptions) => Promise<unknown>;
}

/** What is used of a node-redis cluster. */
export interface NodeRedisCluster {
  readonly masters: readonly unknown[];
  /** @param node one of `masters` */
  readonly nodeClient: (node: never) => NodeRedisClient | Promise<NodeRedisClient>;
  readonly sendCommand: (
    firstKey: string | undefined,
    isReadonly: boolean,
    args: Argument[],
    options: NodeRedisOptions,
  ) => Promise<unknown>;
}

interface CallableCluster extends NodeRedisCluster {
  readonly nodeClient: (node: unknown) => NodeRedisClient | Promise<NodeRedisClient>;
}

// The bytes by which RESP marks bulk strings and simple strings.
const [BULK, SIMPLE] = [36, 43];
const asBytes: NodeRedisOptions = { typeMapping: { [BULK]: Buffer, [SIMPLE]: String } };

const has = (value: unknown, method: string): boolean =>
  isObject(value) && typeof Reflect.get(value, method) === "function";

const isOwn = (client: unknown): client is RedisClient => has(client, "send");
const isIoredis = (client: unknown): client is IoredisClient => has(client, "callBuffer");
const isIoredisCluster = (client: IoredisClient): client is IoredisCluster => has(client, "nodes");
const isNodeRedis = (client: unknown): client is NodeRedisClient => has(client, "sendCommand");
const isNodeRedisCluster = (client: unknown): client is CallableCluster =>
  has(client, "sendCommand") && has(client, "nodeClient");

// ioredis would put it before our keys, but not before the pattern of a SCAN.
function hasKeyPrefix(client: object): boolean {
  const options: unknown = Reflect.get(client, "options");
  return (
    isObject(options) && typeof options["keyPrefix"] === "string" && options["keyPrefix"] !== ""
  );
}

/** Recognises a client by its methods. @throws TollgateError `INVALID_CONFIG` */
export function redisClient(client: unknown, path: string): RedisClient {
  if (isOwn(client)) return client;
  // Before `sendCommand`, which ioredis has too, for commands of its own making.
  if (isIoredis(client)) {
    if (hasKeyPrefix(client)) {
      throw configError(path, "a client without keyPrefix; redisStore has its own prefix", client);
    }
    return isIoredisCluster(client) ? ofIoredisCluster(client) : ofIoredis(client);
  }
  if (isNodeRedisCluster(client)) return ofNodeRedisCluster(client);
  if (isNodeRedis(client)) return ofNodeRedis(client);
  throw configError(path, "a client of ioredis or redis, or an object with `send`", client);
}

const ofIoredis = (client: IoredisClient): RedisClient => ({
  send: async ([command, ...args]) => client.callBuffer(String(command), args),
});

// It sees itself which arguments are keys.
const ofIoredisCluster = (cluster: IoredisCluster): RedisClient => ({
  ...ofIoredis(cluster),
  masters: async () => cluster.nodes("master").map(ofIoredis),
});

const ofNodeRedis = (client: NodeRedisClient): RedisClient => ({
  send: async (args) => client.sendCommand(args, asBytes),
});

const TRIES = 50;
const PAUSE_MS = 100;

const isTryAgain = (error: unknown): boolean =>
  error instanceof Error && error.message.startsWith("TRYAGAIN");

/** While a slot is between two nodes, neither runs what needs keys of both. ioredis waits by itself. */
async function patiently(send: () => Promise<unknown>): Promise<unknown> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await send();
    } catch (error) {
      if (tries === TRIES || !isTryAgain(error)) throw error;
    }
    await sleep(PAUSE_MS);
  }
}

const ofNodeRedisCluster = (cluster: CallableCluster): RedisClient => ({
  send: async (args, key) =>
    patiently(async () => cluster.sendCommand(key, false, [...args], asBytes)),
  masters: async () =>
    Promise.all(cluster.masters.map(async (node) => ofNodeRedis(await cluster.nodeClient(node)))),
});
