import { randomUUID } from "node:crypto";

import { afterAll, beforeAll, describe } from "@jest/globals";
import { redisServer, type RunningServer, skipReason } from "@tollgate/servers";
import { Redis } from "ioredis";

import { type Argument, type RedisClient, redisClient } from "./client.ts";

/** A server, a client of it, and a seam that counts what is sent through it. */
export class Stage {
  #server: RunningServer | undefined;
  #redis: Redis | undefined;
  /** The commands that were sent through `client`. */
  readonly sent: string[] = [];

  readonly start = async (args: readonly string[]): Promise<void> => {
    this.#server = await redisServer({ args });
    this.#redis = new Redis(this.#server.url);
    this.#redis.on("error", () => undefined);
  };

  readonly stop = async (): Promise<void> => {
    this.#redis?.disconnect();
    await this.#server?.stop();
  };

  get server(): RunningServer {
    if (this.#server === undefined) throw new Error("the server has not been started");
    return this.#server;
  }

  get redis(): Redis {
    if (this.#redis === undefined) throw new Error("the server has not been started");
    return this.#redis;
  }

  readonly client: RedisClient = {
    send: async (args: readonly Argument[]) => {
      this.sent.push(String(args[0]));
      return redisClient(this.redis, "").send(args);
    },
  };

  /** How many commands `run` sends. */
  async roundTrips(run: () => unknown): Promise<number> {
    const before = this.sent.length;
    await run();
    return this.sent.length - before;
  }
}

/** A prefix that nobody else uses. */
export const freshPrefix = (): string => `${randomUUID()}:`;

/** Tests that need a server; where there is none, it is said that they were skipped. */
export function describeOnServer(
  name: string,
  tests: (stage: Stage) => void,
  args: readonly string[] = [],
): void {
  const skip = skipReason(name, "redis");
  (skip === undefined ? describe : describe.skip)(skip ?? name, () => {
    const stage = new Stage();
    beforeAll(async () => stage.start(args));
    afterAll(stage.stop);
    tests(stage);
  });
}
