import { cellsIn, EXPIRES, type ScopeRecord } from "../algorithms/record.ts";
import type { Clock } from "../clock.ts";
import { GRACE_MS } from "../reservation.ts";
import type { Engine } from "./engine.ts";
import { LEASE_ENDS_AT, type StoredReservation } from "./reservation-details.ts";
import { runTrip } from "./trip.ts";

/** What an engine stores, for those that look inside. */
export interface Maps {
  readonly records: Map<string, ScopeRecord>;
  readonly reservations: Map<string, StoredReservation>;
}

const copyOf = ({ details, numbers }: StoredReservation): StoredReservation => ({
  details,
  numbers: numbers.slice(),
});

/** The least an engine can be: two maps. Keeps copies, as one that stores bytes does. */
export function mapEngine(now: Clock, maps: Maps, synchronous: boolean): Engine {
  const { records, reservations } = maps;
  const run: Engine["run"] = (trip) => {
    const state = {
      clockMs: now(),
      records: trip.keys.map((key) => records.get(key)?.slice()),
      reservations: trip.tokens.map((token) => {
        const stored = reservations.get(token);
        return stored === undefined ? undefined : copyOf(stored);
      }),
    };
    const answers = runTrip(trip, state);
    for (const [place, key] of trip.keys.entries()) {
      const record = state.records[place];
      if (record !== undefined) records.set(key, record.slice());
    }
    for (const [place, token] of trip.tokens.entries()) {
      const stored = state.reservations[place];
      if (stored !== undefined) reservations.set(token, copyOf(stored));
    }
    return answers;
  };
  return {
    synchronous,
    run: synchronous ? run : async (trip) => run(trip),
    reservation: (token) => reservations.get(token),
    reservationsAt: () =>
      Array.from(reservations, ([token, stored]) => ({ token, stored })).filter(
        ({ stored: { numbers } }) => now() < (numbers[LEASE_ENDS_AT] ?? 0) + GRACE_MS,
      ),
    sweep: (beforeMs) => {
      let cells = 0;
      for (const [key, record] of records) {
        if ((record[EXPIRES] ?? 0) > Math.min(beforeMs, now())) continue;
        records.delete(key);
        cells += cellsIn(record);
      }
      return cells;
    },
    async *exportUsage() {
      for (const [key, record] of records) yield { key, record };
      for (const [token, stored] of reservations) yield { token, ...stored };
    },
    importUsage: (usage) => {
      for (const entry of usage) {
        if ("key" in entry) records.set(entry.key, entry.record.slice());
        else reservations.set(entry.token, { ...entry, numbers: entry.numbers.slice() });
      }
    },
    close: () => undefined,
  };
}
