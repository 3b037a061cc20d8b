import { Cluster, Redis } from "ioredis";
import { Cluster as Cluster5, Redis as Redis5 } from "ioredis5";
import { createClient, createCluster } from "redis";
import { createClient as createClient5, createCluster as createCluster5 } from "redis5";

import type { IoredisClient } from "./client.ts";
import type { RedisStoreOptions } from "./redis-store.ts";

/** A connected client of some library. */
export interface TestClient {
  readonly client: RedisStoreOptions["client"];
  readonly end: () => Promise<void>;
}

interface Connectable {
  readonly connect: () => Promise<unknown>;
  readonly disconnect: () => void;
}

// Errors are told to the caller of a command as well.
const quiet = (): void => undefined;

async function ofIoredis(client: IoredisClient & Connectable): Promise<TestClient> {
  await client.connect();
  return { client, end: async () => client.disconnect() };
}

/** Every client that is supported, in every major version. */
export const clients: Readonly<Record<string, (url: string) => Promise<TestClient>>> = {
  "ioredis 6": async (url) => ofIoredis(new Redis(url, { lazyConnect: true }).on("error", quiet)),
  "ioredis 5": async (url) => ofIoredis(new Redis5(url, { lazyConnect: true }).on("error", quiet)),
  "node-redis 6": async (url) => {
    const client = createClient({ url });
    client.on("error", quiet);
    await client.connect();
    return { client, end: async () => client.destroy() };
  },
  "node-redis 5": async (url) => {
    const client = createClient5({ url });
    client.on("error", quiet);
    await client.connect();
    return { client, end: async () => client.destroy() };
  },
};

/** The same for a cluster, of which the urls of some nodes are told. */
export const clusterClients: Readonly<
  Record<string, (urls: readonly string[]) => Promise<TestClient>>
> = {
  "ioredis 6": async (urls) =>
    ofIoredis(new Cluster([...urls], { lazyConnect: true }).on("error", quiet)),
  "ioredis 5": async (urls) =>
    ofIoredis(new Cluster5([...urls], { lazyConnect: true }).on("error", quiet)),
  "node-redis 6": async (urls) => {
    const client = createCluster({ rootNodes: urls.map((url) => ({ url })) });
    client.on("error", quiet);
    await client.connect();
    return { client, end: async () => client.destroy() };
  },
  "node-redis 5": async (urls) => {
    const client = createCluster5({ rootNodes: urls.map((url) => ({ url })) });
    client.on("error", quiet);
    await client.connect();
    return { client, end: async () => client.destroy() };
  },
};
