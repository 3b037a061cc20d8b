import {
  type Clock,
  type Engine,
  HELD,
  MARK,
  readDetails,
  recordKeys,
  runTrip,
  STATUS,
  type StoredUsage,
} from "@tollgate/core/shared";

import type { RedisClient } from "./client.ts";
import { Keyspace } from "./keyspace.ts";
import { namesIn } from "./names.ts";
import { tripsOn } from "./trips.ts";

/** What an engine is made of. */
export interface EngineOptions {
  readonly client: RedisClient;
  readonly prefix: string;
  /** In place of the server's; for tests. */
  readonly clock: Clock | undefined;
}

/** A single server: every trip is one call. */
export function redisEngine({ client, prefix, clock }: EngineOptions): Engine {
  const names = namesIn(prefix);
  const trips = tripsOn(client, clock);
  const keyspace = new Keyspace(client, names, clock);

  const put = async (entry: StoredUsage): Promise<void> => {
    if ("key" in entry) return keyspace.importRecord(names.record(entry.key), entry.record);
    const { token, details, numbers } = entry;
    const { address } = readDetails(details, numbers[MARK] ?? 0);
    const keys = recordKeys(address).filter((key) => key !== "");
    const stored = { details, numbers: [...numbers] };
    return keyspace.importReservation(
      { name: names.reservation(token), stored },
      new Set(numbers[STATUS] === HELD ? keys.map(names.index) : []),
    );
  };

  return {
    synchronous: false,
    run: async (trip) => runTrip(trip, await trips.run(trip, names)),
    reservation: async (token) => keyspace.reservation(names.reservation(token)),
    reservationsAt: async ([key]) => {
      if (key === undefined) return [];
      const found = await keyspace.listedIn(names.index(key));
      return found.map(({ name, stored }) => ({ token: names.tokenIn(name), stored }));
    },
    sweep: async (beforeMs) => keyspace.sweep(beforeMs),
    async *exportUsage() {
      yield* keyspace.records();
      for await (const { name, stored } of keyspace.reservations()) {
        yield { token: names.tokenIn(name), ...stored };
      }
    },
    importUsage: async (usage) => keyspace.inSteps(usage, put),
    close: () => undefined,
  };
}
