import {
  type Clock,
  EXPIRES,
  GRACE_MS,
  LEASE_ENDS_AT,
  type StoredReservation,
  type StoredUsage,
} from "@tollgate/core/shared";

import type { RedisClient } from "./client.ts";
import type { Names } from "./names.ts";
import { pack } from "./packed.ts";
import { type Script, scriptOn } from "./script.ts";
import { importScript, sweepScript } from "./script/housekeeping.ts";
import { listOf, rowIn, storedIn } from "./wire.ts";

/** A reservation and its key. */
export interface NamedReservation {
  readonly name: string;
  readonly stored: StoredReservation;
}

/** About how many keys Redis looks at in one step, so that no call waits for all of them. */
const STEP = 500;

/** When a reservation can no longer be settled. */
const overAt = ({ numbers }: Pick<StoredReservation, "numbers">): number =>
  (numbers[LEASE_ENDS_AT] ?? 0) + GRACE_MS;

/** What is asked of the keys beside decisions. */
export class Keyspace {
  readonly #client: RedisClient;
  readonly #names: Omit<Names, "reservation">;
  readonly #clock: Clock | undefined;
  readonly #sweep: Script;
  readonly #import: Script;

  constructor(client: RedisClient, names: Omit<Names, "reservation">, clock: Clock | undefined) {
    this.#client = client;
    this.#names = names;
    this.#clock = clock;
    this.#sweep = scriptOn(client, sweepScript);
    this.#import = scriptOn(client, importScript);
  }

  readonly reservation = async (name: string): Promise<StoredReservation | undefined> => {
    const [numbers, details] = listOf(await this.#client.send(["HMGET", name, "n", "d"], name));
    return storedIn(numbers, details);
  };

  /** The reservations that an index lists. */
  async listedIn(index: string): Promise<readonly NamedReservation[]> {
    const from = this.#clock === undefined ? "-inf" : `(${String(this.#clock())}`;
    const members = await this.#client.send(["ZRANGEBYSCORE", index, from, "+inf"], index);
    return this.#present(listOf(members).map(String));
  }

  async sweep(beforeMs: number): Promise<number> {
    let cells = 0;
    for await (const page of this.#scan(this.#names.records)) {
      const times = [this.#clock?.() ?? -1, beforeMs].map(String);
      const swept = this.#together(page).map(async (keys) => this.#sweep.run(keys, times));
      for (const count of await Promise.all(swept)) cells += Number(count);
    }
    return cells;
  }

  async *records(): AsyncGenerator<StoredUsage> {
    const nowMs = this.#clock?.() ?? 0;
    for await (const page of this.#scan(this.#names.records)) {
      const found = page.map(async (name) => this.#client.send(["GET", name], name));
      for (const [n, bytes] of (await Promise.all(found)).entries()) {
        const record = rowIn(bytes);
        if (record === undefined || (record[EXPIRES] ?? 0) <= nowMs) continue;
        yield { key: this.#names.keyIn(page[n] ?? ""), record };
      }
    }
  }

  async *reservations(): AsyncGenerator<NamedReservation> {
    const nowMs = this.#clock?.() ?? 0;
    for await (const page of this.#scan(this.#names.reservations)) {
      for (const found of await this.#present(page)) {
        if (overAt(found.stored) > nowMs) yield found;
      }
    }
  }

  /** Calls for everything in turn, a bounded number at a time. */
  async inSteps<T>(all: readonly T[], run: (one: T) => Promise<unknown>): Promise<void> {
    for (let from = 0; from < all.length; from += STEP) {
      await Promise.all(all.slice(from, from + STEP).map(run));
    }
  }

  async importRecord(name: string, record: readonly number[]): Promise<void> {
    await this.#import.run([name], [...this.#times(record[EXPIRES] ?? 0), pack(record)]);
  }

  /** @param indexes those it is to be listed in, on the same node */
  async importReservation(
    { name, stored }: NamedReservation,
    indexes: Iterable<string>,
  ): Promise<void> {
    const { numbers, details } = stored;
    await this.#import.run(
      [name, ...indexes],
      [...this.#times(overAt(stored)), pack(numbers), details],
    );
  }

  #times(untilMs: number): string[] {
    return [this.#clock?.() ?? -1, untilMs].map(String);
  }

  async #present(names: readonly string[]): Promise<readonly NamedReservation[]> {
    const found = await Promise.all(names.map(this.reservation));
    return found.flatMap((stored, n) => {
      const name = names[n];
      return stored === undefined || name === undefined ? [] : [{ name, stored }];
    });
  }

  // On a cluster, keys that a node has need not be in one slot.
  #together(names: readonly string[]): readonly (readonly string[])[] {
    return this.#client.masters === undefined ? [names] : names.map((name) => [name]);
  }

  /** Keys in steps; some may come twice. */
  async *#scan(pattern: string): AsyncGenerator<readonly string[]> {
    for (const node of (await this.#client.masters?.()) ?? [this.#client]) {
      let cursor = "0";
      do {
        const [next, found] = listOf(
          await node.send(["SCAN", cursor, "MATCH", pattern, "COUNT", String(STEP)]),
        );
        cursor = String(next);
        const page = listOf(found).map(String);
        if (page.length > 0) yield page;
      } while (cursor !== "0");
    }
  }
}
