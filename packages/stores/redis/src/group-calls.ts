import {
  type Answers,
  type Clock,
  type Job,
  type Places,
  planTrip,
  runJob,
  type State,
  type StoredReservation,
} from "@tollgate/core/shared";

import type { RedisClient } from "./client.ts";
import { amountsUnder, type Group, markOf } from "./groups.ts";
import type { ClusterNames } from "./names.ts";
import { tripsOn } from "./trips.ts";
import type { Aside } from "./wire.ts";

/** Where a record says which reset it follows; see `algorithms/record.ts` of core. */
const GENERATION = 5;

/** What came of a job. */
export interface Reply<J extends Job> {
  readonly answer: Answers[J["kind"]];
  /** For each scope of the group, which reset its record followed before. */
  readonly generations: readonly number[];
}

interface Asked {
  readonly job: Job;
  readonly asides: ReadonlyMap<string, Aside>;
  /** Answers it from the state it found. */
  readonly answer: (places: Places, state: State, generations: readonly number[]) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Asks groups of records. What is asked of one group before the next turn of this process's own
 * affairs travels together, whoever asks.
 */
export class GroupCalls {
  readonly #run: ReturnType<typeof tripsOn>["run"];
  readonly #names: ClusterNames;
  readonly #waiting = new Map<string, Asked[]>();

  constructor(client: RedisClient, names: ClusterNames, clock: Clock | undefined) {
    this.#run = tripsOn(client, clock).run;
    this.#names = names;
  }

  /** @param asides of the job's tokens */
  readonly ask = async <J extends Job>(
    { tag }: Group,
    job: J,
    asides: ReadonlyMap<string, Aside> = new Map(),
  ): Promise<Reply<J>> =>
    new Promise<Reply<J>>((resolve, reject) => {
      const asked = this.#waiting.get(tag);
      const answer: Asked["answer"] = (places, state, generations) => {
        resolve({ answer: runJob(job, places, state), generations });
      };
      const one = { job, asides, answer, reject };
      if (asked !== undefined) {
        asked.push(one);
        return;
      }
      this.#waiting.set(tag, [one]);
      queueMicrotask(() => void this.#depart(tag));
    });

  async #depart(tag: string): Promise<void> {
    const asked = this.#waiting.get(tag) ?? [];
    this.#waiting.delete(tag);
    try {
      const trip = planTrip(asked.map(({ job }) => job));
      const asides = new Map(asked.flatMap((one) => [...one.asides]));
      const state = narrowedTo(tag, await this.#run(trip, this.#names.under(tag), asides));
      const generations = state.records.map((record) => record?.[GENERATION] ?? 0);
      for (const [index, { answer }] of asked.entries()) {
        const places = trip.jobs[index]?.places;
        if (places === undefined) continue;
        answer(
          places,
          state,
          places.records.map((place) => generations[place] ?? 0),
        );
      }
    } catch (error) {
      for (const { reject } of asked) reject(error);
    }
  }
}

// The parts of a reservation all say what the whole was taken for.
function narrowedTo(tag: string, state: State): State {
  const ofTag = (stored: StoredReservation | undefined): StoredReservation | undefined => {
    if (stored === undefined || stored.details === "{}") return stored;
    const amounts = amountsUnder(stored.details, markOf(stored.numbers), tag);
    return { ...stored, details: JSON.stringify({ amounts }) };
  };
  return { ...state, reservations: state.reservations.map(ofTag) };
}
