import { createHash } from "node:crypto";

import { configError } from "@tollgate/core/shared";

import type { Argument, RedisClient } from "./client.ts";

/** A script and the client to run it. */
export interface Script {
  readonly run: (keys: readonly string[], args: readonly Argument[]) => Promise<unknown>;
}

/** The oldest server whose SET has PXAT; Valkey tells the version of Redis it is compatible with. */
const OLDEST = [6, 2] as const;

const isNoScript = (error: unknown): boolean =>
  error instanceof Error && error.message.startsWith("NOSCRIPT");

/** Calls by digest. After a restart, a failover or a flush the server is sent the source again. */
export function scriptOn(client: RedisClient, source: string): Script {
  const digest = createHash("sha1").update(source).digest("hex");
  return {
    run: async (keys, args) => {
      const rest = [String(keys.length), ...keys, ...args];
      try {
        return await client.send(["EVALSHA", digest, ...rest], keys[0]);
      } catch (error) {
        if (!isNoScript(error)) throw error;
      }
      await assertSupported(client, keys[0]);
      return client.send(["EVAL", source, ...rest], keys[0]);
    },
  };
}

/** Asked only when the script is not there: then something has changed, or nothing has run yet. */
async function assertSupported(client: RedisClient, key: string | undefined): Promise<void> {
  let told: unknown;
  try {
    told = await client.send(["INFO", "server"], key);
  } catch {
    // Who may not ask may still be allowed to run scripts.
    return;
  }
  const [, version = "", major, minor] = /redis_version:((\d+)\.(\d+)\S*)/.exec(String(told)) ?? [];
  if (version === "") return;
  const [oldestMajor, oldestMinor] = OLDEST;
  const isOld =
    Number(major) < oldestMajor || (Number(major) === oldestMajor && Number(minor) < oldestMinor);
  if (isOld) {
    throw configError("redisStore.client", "Redis 6.2, Valkey 7.2 or newer", version);
  }
}
