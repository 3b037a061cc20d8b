import { TollgateError } from "../errors.ts";
import { isPromise } from "../maybe-promise.ts";
import type { MaybePromise } from "../store.ts";
import type { Answer, Job } from "./jobs.ts";
import { keysOf, planTrip, type Trip, type TripAnswers } from "./trip.ts";

/** How calls travel. */
export interface CoalescerOptions {
  /** The most jobs of one trip. */
  readonly maxBatch: number;
  /** The most trips under way at one time. */
  readonly maxInFlight: number;
  /** The most jobs that wait for a trip. */
  readonly maxQueued: number;
  /** Whether trips happen in the order in which they are sent, as on one connection. @default false */
  readonly inOrder?: boolean;
}

interface Passenger {
  readonly job: Job;
  /** Of its records; empty for those it has not. */
  readonly keys: readonly string[];
  readonly resolve: (answer: MaybePromise<Answer>) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Lets concurrent calls share round trips. Calls that come while nothing is under way on their records
 * leave as soon as this turn of the program is over, which is before anything else happens: so a lone
 * call is not delayed, and callers who were answered together ask again together. Those that come while
 * something is under way leave when it is back.
 *
 * Two trips under way never have a record in common, unless the database takes up trips in the order in
 * which they are sent: there they would wait for each other, and calls about one record lose their order.
 */
export class Coalescer {
  readonly #run: (trip: Trip) => MaybePromise<TripAnswers>;
  readonly #options: CoalescerOptions;
  readonly #inFlight = new Set<string>();
  #queue: Passenger[] = [];
  #flights = 0;
  #isCalled = false;

  constructor(run: (trip: Trip) => MaybePromise<TripAnswers>, options: CoalescerOptions) {
    this.#run = run;
    this.#options = options;
  }

  /** Jobs that wait for a trip. */
  get queued(): number {
    return this.#queue.length;
  }

  /** @throws TollgateError `STORE_OVERLOADED` */
  async ask(job: Job): Promise<Answer> {
    const { maxQueued } = this.#options;
    if (this.#queue.length >= maxQueued) {
      throw new TollgateError(
        "STORE_OVERLOADED",
        `${String(maxQueued)} calls wait for the store already, its maxQueued`,
      );
    }
    return new Promise((resolve, reject) => {
      this.#queue.push({ job, keys: keysOf(job), resolve, reject });
      this.#callDeparture();
    });
  }

  #callDeparture(): void {
    if (this.#isCalled || this.#flights >= this.#options.maxInFlight) return;
    this.#isCalled = true;
    // After everything that follows at once from what is happening now.
    process.nextTick(() => {
      this.#isCalled = false;
      this.#departAll();
    });
  }

  #departAll(): void {
    while (this.#flights < this.#options.maxInFlight && this.#queue.length > 0) {
      const boarding = this.#options.inOrder === true ? this.#boardInOrder() : this.#board();
      if (boarding.length === 0) return;
      void this.#fly(boarding);
    }
  }

  async #fly(passengers: readonly Passenger[]): Promise<void> {
    if (this.#options.inOrder !== true) this.#bar(passengers);
    this.#flights += 1;
    const late: Promise<void>[] = [];
    try {
      const jobs = passengers.map(({ job }) => job);
      const keys = passengers.map((passenger) => passenger.keys);
      const answers = await this.#run(planTrip(jobs, keys));
      for (const [index, passenger] of passengers.entries()) {
        const answer = answers[index];
        passenger.resolve(answer);
        if (isPromise(answer)) late.push(this.#landLate(passenger, answer));
        else this.#land(passenger);
      }
    } catch (error) {
      for (const passenger of passengers) {
        passenger.reject(error);
        this.#land(passenger);
      }
    }
    if (late.length > 0) await Promise.all(late);
    this.#flights -= 1;
    if (this.#queue.length > 0) this.#callDeparture();
  }

  #bar(passengers: readonly Passenger[]): void {
    for (const { keys } of passengers) for (const key of keys) this.#inFlight.add(key);
  }

  #land({ keys }: Passenger): void {
    if (this.#inFlight.size === 0) return;
    for (const key of keys) this.#inFlight.delete(key);
  }

  /** Of one that comes later than others on its trip, the records are not free before. */
  async #landLate(passenger: Passenger, answer: Promise<Answer>): Promise<void> {
    // Whoever asked is told of a failure.
    await answer.catch(() => undefined);
    this.#land(passenger);
    if (this.#queue.length > 0) this.#callDeparture();
  }

  /**
   * Takes the first in the queue, whatever is under way. A further trip is only worth its while when it
   * is not nearly empty.
   */
  #boardInOrder(): readonly Passenger[] {
    const { maxBatch } = this.#options;
    if (this.#flights > 0 && this.#queue.length < maxBatch / 4) return [];
    return this.#queue.splice(0, maxBatch);
  }

  /** Takes from the queue, in order, what wants no record that is in flight or was wanted before it. */
  #board(): readonly Passenger[] {
    const { maxBatch } = this.#options;
    const taken: Passenger[] = [];
    const left: Passenger[] = [];
    const barred = new Set<string>();
    const isBarred = (key: string): boolean =>
      key !== "" && (this.#inFlight.has(key) || barred.has(key));
    let at = 0;
    // Past so many that cannot leave, the rest is not looked at: they will be when those have left.
    while (at < this.#queue.length && taken.length < maxBatch && left.length < 4 * maxBatch) {
      const passenger = this.#queue[at];
      at += 1;
      if (passenger === undefined) continue;
      if (passenger.keys.some(isBarred)) {
        left.push(passenger);
        for (const key of passenger.keys) barred.add(key);
      } else {
        taken.push(passenger);
      }
    }
    if (taken.length > 0) this.#queue = [...left, ...this.#queue.slice(at)];
    return taken;
  }
}
