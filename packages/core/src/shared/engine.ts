import type { MaybePromise, StoredUsage } from "../store.ts";
import type { StoredReservation } from "./reservation-details.ts";
import type { Trip, TripAnswers } from "./trip.ts";

/** A reservation on record and the token it is found by. */
export interface ListedReservation {
  readonly token: string;
  readonly stored: StoredReservation;
}

/**
 * What a database has to do for a shared store. There are two kinds: one locks its rows and has
 * `runTrip` change them here; the other moves the state by a port of the rules in its own language,
 * hands out what it was before, and has `runTrip` work out the answers.
 */
export interface Engine {
  /** Promises that `run`, `reservation`, `sweep` and `close` never return a promise. */
  readonly synchronous: boolean;

  /** Runs all jobs of a trip in one atomic step, at one reading of its clock taken after all locks. */
  readonly run: (trip: Trip) => MaybePromise<TripAnswers>;

  /** The reservation of a token, of whatever age; takes no lock. */
  readonly reservation: (token: string) => MaybePromise<StoredReservation | undefined>;

  /**
   * Reservations that may be open at the records of all these keys, and whose grace is not over; further
   * ones of other records or that have ended do no harm.
   * @param ids which the records are of, as they stand in the details
   */
  readonly reservationsAt: (
    keys: readonly string[],
    ids: readonly string[],
  ) => MaybePromise<readonly ListedReservation[]>;

  /** Removes records that expired at or before `beforeMs`, or now if that is earlier; counts their cells. */
  readonly sweep: (beforeMs: number) => MaybePromise<number>;

  /** Everything that has not expired, in no order, a page at a time. */
  readonly exportUsage: () => AsyncIterable<StoredUsage>;

  /** Puts on record what another store exported, in place of what is there under the same key. */
  readonly importUsage: (usage: readonly StoredUsage[]) => MaybePromise<void>;

  /** Ends what the engine started itself; never a client or pool that was handed to it. */
  readonly close: () => MaybePromise<void>;
}
