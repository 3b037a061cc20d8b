import assert from "node:assert/strict";

import {
  type Clock,
  type Engine,
  EXPIRES,
  runTrip,
  type ScopeRecord,
  type StoredReservation,
  type StoredUsage,
  type Trip,
  type TripAnswers,
} from "@tollgate/core/shared";

// Of the header of a record: a hint that only the memory store keeps.
const BLOCKED_UNTIL = 2;

const comparable = (records: readonly (readonly [string, readonly number[]])[]): unknown =>
  Object.fromEntries(records.map(([key, record]) => [key, record.with(BLOCKED_UNTIL, 0)]));

// Of a reply, the cells are worked out when they are read.
const plain = (answer: TripAnswers[number]): unknown => {
  if (!Array.isArray(answer)) return answer;
  return answer.map((reply: object & { readonly cells: readonly number[] }) => ({
    ...reply,
    cells: reply.cells,
  }));
};

/**
 * Runs every trip on an engine and on the rules themselves, and compares the answers and the records.
 * So trips of many jobs are compared too, whose calls the memory store would take one by one.
 */
export class TwinEngine implements Engine {
  readonly synchronous = false;
  readonly reservation: Engine["reservation"];
  readonly reservationsAt: Engine["reservationsAt"];
  readonly sweep: Engine["sweep"];
  readonly exportUsage: Engine["exportUsage"];
  readonly importUsage: Engine["importUsage"];
  readonly close: Engine["close"];
  readonly #engine: Engine;
  readonly #clock: Clock;
  readonly #records = new Map<string, ScopeRecord>();
  readonly #reservations = new Map<string, StoredReservation>();
  /** How many jobs the trips had. */
  readonly sizes: number[] = [];

  constructor(engine: Engine, clock: Clock) {
    this.#engine = engine;
    this.#clock = clock;
    this.reservation = engine.reservation;
    this.reservationsAt = engine.reservationsAt;
    this.sweep = engine.sweep;
    this.exportUsage = engine.exportUsage;
    this.importUsage = engine.importUsage;
    this.close = engine.close;
  }

  readonly run = async (trip: Trip): Promise<TripAnswers> => {
    this.sizes.push(trip.jobs.length);
    const expected = this.#expected(trip).map(plain);
    const answers = await this.#engine.run(trip);
    const jobs = trip.jobs.map(({ job }) => job.kind).join(" ");
    assert.deepStrictEqual(answers.map(plain), expected, jobs);
    return answers;
  };

  /** Compares everything that has not expired. */
  async compare(): Promise<void> {
    const usages: StoredUsage[] = [];
    for await (const usage of this.#engine.exportUsage()) usages.push(usage);
    const records = usages.flatMap((usage) =>
      "key" in usage ? [[usage.key, usage.record] as const] : [],
    );
    const now = this.#clock();
    const expected = [...this.#records].filter(([, record]) => (record[EXPIRES] ?? 0) > now);
    assert.deepStrictEqual(comparable(records), comparable(expected), "records");
    for (const usage of usages) {
      if (!("token" in usage)) continue;
      const stored = this.#reservations.get(usage.token);
      assert.equal(usage.details, stored?.details);
      assert.deepStrictEqual(usage.numbers.slice(0, 4), stored?.numbers.slice(0, 4));
    }
  }

  #expected(trip: Trip): TripAnswers {
    const state = {
      clockMs: this.#clock(),
      records: trip.keys.map((key) => this.#records.get(key)?.slice()),
      reservations: trip.tokens.map((token) => {
        const stored = this.#reservations.get(token);
        return stored && { ...stored, numbers: stored.numbers.slice() };
      }),
    };
    const answers = runTrip(trip, state);
    for (const [place, key] of trip.keys.entries()) {
      const record = state.records[place];
      if (record !== undefined) this.#records.set(key, record);
    }
    for (const [place, token] of trip.tokens.entries()) {
      const stored = state.reservations[place];
      if (stored !== undefined) this.#reservations.set(token, stored);
    }
    return answers;
  }
}
