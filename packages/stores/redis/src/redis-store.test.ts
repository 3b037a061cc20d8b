import { describe, expect, test } from "@jest/globals";
import { createLimiter, isTollgateError } from "@tollgate/core";

import { redisStore } from "./index.ts";

const client = { send: async () => undefined };

function errorOf(options: unknown): unknown {
  try {
    Reflect.apply(redisStore, undefined, [options]);
  } catch (error) {
    return isTollgateError(error)
      ? { code: error.code, path: error.path, said: error.message }
      : error;
  }
  return undefined;
}

describe("redisStore", () => {
  test.each([
    [undefined, "redisStore", "redisStore: expected an options object, got undefined"],
    [[], "redisStore", "redisStore: expected an options object, got an array of 0"],
    [
      {},
      "redisStore.client",
      "redisStore.client: expected a client of ioredis or redis, or an object with `send`, got undefined",
    ],
    [
      { client: "redis://localhost" },
      "redisStore.client",
      'redisStore.client: expected a client of ioredis or redis, or an object with `send`, got string "redis://localhost"',
    ],
    [
      { client: { callBuffer: async () => undefined, options: { keyPrefix: "mine:" } } },
      "redisStore.client",
      "redisStore.client: expected a client without keyPrefix; redisStore has its own prefix, got an object",
    ],
    [
      { client, prefix: "a{b}" },
      "redisStore.prefix",
      'redisStore.prefix: expected up to 64 printable ASCII characters without blanks and braces, got string "a{b}"',
    ],
    [
      { client, maxBatch: 0 },
      "redisStore.maxBatch",
      "redisStore.maxBatch: expected calls together: an integer from 1 to 256, got number 0",
    ],
    [
      { client, maxInFlight: "4" },
      "redisStore.maxInFlight",
      'redisStore.maxInFlight: expected commands at once: an integer from 1 to 1024, got string "4"',
    ],
    [
      { client, maxQueued: 1.5 },
      "redisStore.maxQueued",
      "redisStore.maxQueued: expected calls that wait: an integer from 1 to 10000000, got number 1.5",
    ],
    [
      { client, clock: 7 },
      "redisStore.clock",
      "redisStore.clock: expected a function, got number 7",
    ],
    [
      { client, keyPrefix: true },
      "redisStore.keyPrefix",
      "redisStore.keyPrefix: expected only the options client, prefix, maxBatch, maxInFlight, maxQueued, clock, got boolean true",
    ],
  ])("refuses %j", (options, path, said) => {
    expect(errorOf(options)).toEqual({ code: "INVALID_CONFIG", path, said });
  });

  test("fails with what the client failed with", async () => {
    const cause = new Error("READONLY You can't write against a read only replica.");
    const failing = { send: async () => Promise.reject(cause) };
    const limiter = createLimiter({
      limits: [{ type: "count", window: "minute", limit: 1 }],
      store: redisStore({ client: failing }),
    });
    await expect(limiter.checkAndRecord("alice")).rejects.toMatchObject({
      code: "STORE_FAILED",
      cause,
    });
  });

  test("gives up on a server whose calendar never agrees", async () => {
    const commands: unknown[] = [];
    const stale = {
      send: async ([command]: readonly unknown[]) => {
        commands.push(command);
        return [Date.UTC(2026, 0, 1), 1];
      },
    };
    const limiter = createLimiter({
      limits: [{ type: "count", window: "day", align: "calendar", timeZone: "UTC", limit: 1 }],
      store: redisStore({ client: stale }),
    });
    await expect(limiter.checkAndRecord("alice")).rejects.toMatchObject({ code: "STORE_FAILED" });
    expect(commands).toEqual(["EVALSHA", "EVALSHA", "EVALSHA"]);
  });

  test("refuses a server that is too old, when it does not know the script", async () => {
    const old = {
      send: async ([command]: readonly unknown[]) => {
        if (command === "INFO") return Buffer.from("# Server\r\nredis_version:5.0.14\r\n");
        throw new Error("NOSCRIPT No matching script. Please use EVAL.");
      },
    };
    const limiter = createLimiter({
      limits: [{ type: "count", window: "minute", limit: 1 }],
      store: redisStore({ client: old }),
    });
    const failure: unknown = await Promise.resolve(limiter.checkAndRecord("alice")).catch(
      (error: unknown) => isTollgateError(error) && error.cause,
    );
    expect(isTollgateError(failure) && [failure.code, failure.message]).toEqual([
      "INVALID_CONFIG",
      'redisStore.client: expected Redis 6.2, Valkey 7.2 or newer, got string "5.0.14"',
    ]);
  });
});
