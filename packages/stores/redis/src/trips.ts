import { systemClock } from "@tollgate/core";
import { type Clock, type State, type Trip, wireTrip } from "@tollgate/core/shared";

import type { RedisClient } from "./client.ts";
import type { Names } from "./names.ts";
import { pack } from "./packed.ts";
import { scriptOn } from "./script.ts";
import { tripScript } from "./script/source.ts";
import { type Aside, layOut, stateIn, toldIn } from "./wire.ts";

/** Sends trips to the script, which changes the state, and tells what it was before. */
export interface Trips {
  readonly run: (trip: Trip, names: Names, asides?: ReadonlyMap<string, Aside>) => Promise<State>;
}

/** A server's clock does not jump from month to month while it is asked. */
const MAX_STALE = 3;

export function tripsOn(client: RedisClient, clock: Clock | undefined): Trips {
  const script = scriptOn(client, tripScript);
  /** How far the server's clock is ahead of ours, where that matters. */
  let aheadMs = 0;
  return {
    run: async (trip, names, asides) => {
      const { keys, header } = layOut(trip, names, asides);
      for (let attempt = 0; attempt < MAX_STALE; attempt += 1) {
        const testMs = clock?.();
        const { numbers, details } = wireTrip(trip, testMs, testMs ?? systemClock() + aheadMs);
        const told = toldIn(await script.run(keys, [pack(header, numbers), ...details]));
        if (!told.isStale) return stateIn(told, trip, asides);
        aheadMs = told.clockMs - systemClock();
      }
      throw new Error(
        `the windows of the calendar were out of date ${String(MAX_STALE)} times in a row`,
      );
    },
  };
}
