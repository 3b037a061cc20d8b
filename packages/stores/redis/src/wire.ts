import type { State, StoredReservation, Trip } from "@tollgate/core/shared";

import type { Names } from "./names.ts";
import { unpack } from "./packed.ts";

/** How a trip is laid before the script, and how its reply is read. */

/** The keys of a trip, and the numbers that say which is which. */
export interface Layout {
  readonly keys: readonly string[];
  /** See the script. */
  readonly header: readonly number[];
}

/** What is to be known about a reservation beside its job. */
export interface Aside {
  /** Its numbers, where it is not on record but shall be taken for one that is. */
  readonly given?: readonly number[];
  /** Whether nothing shall be left of it once it has ended. */
  readonly drop?: boolean;
}

/** The indexes a reservation is, or would be, listed in: those of the records it holds something in. */
function indexesOf({ keys, tokens, jobs }: Trip, names: Names): readonly ReadonlySet<string>[] {
  const indexes = tokens.map(() => new Set<string>());
  if (tokens.length === 0) return indexes;
  for (const { places } of jobs) {
    for (const reservation of places.reservations) {
      for (const record of places.records) {
        const key = keys[record];
        if (key !== undefined) indexes[reservation]?.add(names.index(key));
      }
    }
  }
  return indexes;
}

export function layOut(
  trip: Trip,
  names: Names,
  asides: ReadonlyMap<string, Aside> = new Map(),
): Layout {
  const keys = trip.keys.map(names.record);
  const header = [keys.length, trip.tokens.length];
  if (trip.tokens.length === 0) return { keys, header };
  const own = indexesOf(trip, names);
  const all = [...new Set(own.flatMap((indexes) => [...indexes]))];
  for (const [place, token] of trip.tokens.entries()) {
    const indexes = [...(own[place] ?? [])].map((index) => all.indexOf(index) + 1);
    const { given = [], drop = false } = asides.get(token) ?? {};
    header.push(indexes.length, ...indexes, given.length, ...given, drop ? 1 : 0);
  }
  return { keys: [...keys, ...trip.tokens.map(names.reservation), ...all], header };
}

/** What the script replied. */
export interface Told {
  readonly clockMs: number;
  readonly isStale: boolean;
  /** The bytes of records, then numbers and details of each reservation. */
  readonly stored: readonly unknown[];
}

export const listOf = (reply: unknown): readonly unknown[] => {
  if (Array.isArray(reply)) return reply;
  throw new TypeError(`Redis replied ${typeof reply} where a list was expected`);
};

export function toldIn(reply: unknown): Told {
  const [clockMs, status, ...stored] = listOf(reply);
  return { clockMs: Number(clockMs), isStale: Number(status) === 1, stored };
}

/** A row of numbers as it is stored, if it is. */
export const rowIn = (bytes: unknown): number[] | undefined =>
  Buffer.isBuffer(bytes) ? unpack(bytes) : undefined;

/** A reservation, of its numbers and details. */
export function storedIn(numbers: unknown, details: unknown): StoredReservation | undefined {
  const row = rowIn(numbers);
  // Without its details the script has found no need of them.
  return row && { numbers: row, details: Buffer.isBuffer(details) ? details.toString() : "{}" };
}

/** The state as the script found it. */
export function stateIn(
  { clockMs, stored }: Told,
  { keys, tokens }: Trip,
  asides: ReadonlyMap<string, Aside> = new Map(),
): State {
  return {
    clockMs,
    records: keys.map((_, place) => rowIn(stored[place])),
    reservations: tokens.map((token, place) => {
      const at = keys.length + 2 * place;
      const given = asides.get(token)?.given;
      if (given !== undefined) return { numbers: [...given], details: "{}" };
      return storedIn(stored[at], stored[at + 1]);
    }),
  };
}
