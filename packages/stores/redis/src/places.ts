import { type Clock, GRACE_MS } from "@tollgate/core/shared";

import type { RedisClient } from "./client.ts";
import type { ClusterNames } from "./names.ts";
import { scriptOn } from "./script.ts";
import { noteScript } from "./script/housekeeping.ts";

/**
 * Where reservations are, for who has nothing but the token. It lies by itself, since a token does not
 * tell its node; and it says the same for as long as the token is used, so that it can be noted while
 * the reservation is taken, whatever comes of that.
 */
export class Places {
  readonly #client: RedisClient;
  readonly #names: ClusterNames;
  readonly #marginMs: number;
  readonly #note: ReturnType<typeof scriptOn>;

  constructor(client: RedisClient, names: ClusterNames, clock: Clock | undefined) {
    this.#client = client;
    this.#names = names;
    // As keys are kept longer under a test's clock.
    this.#marginMs = clock === undefined ? 0 : 3_600_000;
    this.#note = scriptOn(client, noteScript);
  }

  async note(token: string, tag: string, leaseMs: number): Promise<void> {
    const forMs = leaseMs + GRACE_MS + this.#marginMs;
    await this.#note.run([this.#names.place(token)], [tag, String(forMs)]);
  }

  async find(token: string): Promise<string | undefined> {
    const name = this.#names.place(token);
    const tag = await this.#client.send(["GET", name], name);
    return Buffer.isBuffer(tag) ? tag.toString() : undefined;
  }
}
