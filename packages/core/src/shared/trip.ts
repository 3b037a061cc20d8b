import type { MaybePromise } from "../store.ts";
import { type Answer, type Job, type Places, runJob, type State } from "./jobs.ts";
import { recordKeys } from "./record-keys.ts";

/** A job and where its records and reservations stand in the lists of its trip. */
export interface PlacedJob {
  readonly job: Job;
  readonly places: Places;
}

/** Jobs that travel to the database together, and everything they touch. */
export interface Trip {
  /** Keys of records, each once, in the order in which they must be locked: that of their bytes. */
  readonly keys: readonly string[];
  /** Tokens of reservations, each once, in the same order. */
  readonly tokens: readonly string[];
  /** Tokens under which reservations are to be put on record, if they are not yet. */
  readonly reserved: ReadonlySet<string>;
  readonly jobs: readonly PlacedJob[];
}

/**
 * The answers to the jobs of a trip, in their order: some still to come where the trip goes to several
 * places, of which one may fail alone.
 */
export type TripAnswers = readonly MaybePromise<Answer>[];

/** The keys of the records a job touches; empty where a scope has none. */
export const keysOf = (job: Job): readonly string[] =>
  recordKeys("details" in job ? job.details.address : job.address);

/** The tokens a job touches: for each operation, or the one of the job. */
function tokensOf(job: Job): readonly string[] {
  switch (job.kind) {
    case "apply":
      return job.operations.map((operation) =>
        operation.mode === "reserve" ? operation.token : "",
      );
    case "settle":
    case "renew":
      return [job.token];
    case "forget":
      return [];
  }
}

// Keys and tokens are ASCII, of which the units of a string are in the order of its bytes.
const inOrder = (names: Iterable<string>): string[] =>
  [...new Set(names)].filter((name) => name !== "").toSorted(byUnits);

const byUnits = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

const placesIn = (names: readonly string[]): ReadonlyMap<string, number> =>
  new Map(names.map((name, place) => [name, place]));

/**
 * Sees what the jobs need.
 * @param keys of the records of each job, where they are known; see {@link keysOf}
 */
export function planTrip(
  jobs: readonly Job[],
  keys: readonly (readonly string[])[] = jobs.map(keysOf),
): Trip {
  const needs = jobs.map((job, n) => ({ job, keys: keys[n] ?? [], tokens: tokensOf(job) }));
  const distinct = inOrder(needs.flatMap((need) => need.keys));
  const tokens = inOrder(needs.flatMap((need) => need.tokens));
  const [keyPlaces, tokenPlaces] = [placesIn(distinct), placesIn(tokens)];
  return {
    keys: distinct,
    tokens,
    reserved: new Set(jobs.filter(({ kind }) => kind === "apply").flatMap(tokensOf)),
    jobs: needs.map((need) => ({
      job: need.job,
      places: {
        records: need.keys.map((key) => keyPlaces.get(key) ?? -1),
        reservations: need.tokens.map((token) => tokenPlaces.get(token) ?? -1),
      },
    })),
  };
}

/** Runs all jobs of a trip on the state, which they change, and answers them. */
export const runTrip = ({ jobs }: Trip, state: State): readonly Answer[] =>
  jobs.map(({ job, places }) => runJob(job, places, state));
