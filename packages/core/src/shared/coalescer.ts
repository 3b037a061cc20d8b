import { TollgateError } from "../errors.ts";
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
}

interface Passenger {
  readonly job: Job;
  readonly keys: readonly string[];
  readonly resolve: (answer: Answer) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Lets concurrent calls share round trips. A call that finds nothing under way on its records leaves at
 * once, alone; those that come while it is under way leave together when it is back. So a lone call is
 * not delayed, and records that everybody wants are locked once for many decisions.
 *
 * Two trips under way never have a record in common: on the database they would only wait for each
 * other, and calls about one record keep their order.
 */
export class Coalescer {
  readonly #run: (trip: Trip) => MaybePromise<TripAnswers>;
  readonly #options: CoalescerOptions;
  readonly #inFlight = new Set<string>();
  /** Keys that queued jobs want, and by how many. */
  readonly #wanted = new Map<string, number>();
  #queue: Passenger[] = [];
  #flights = 0;

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
    const { maxQueued, maxInFlight } = this.#options;
    if (this.#queue.length >= maxQueued) {
      throw new TollgateError(
        "STORE_OVERLOADED",
        `${String(maxQueued)} calls wait for the store already, its maxQueued`,
      );
    }
    return new Promise((resolve, reject) => {
      const passenger = { job, keys: keysOf(job).filter((key) => key !== ""), resolve, reject };
      const free = (key: string): boolean => !this.#inFlight.has(key) && !this.#wanted.has(key);
      if (this.#flights < maxInFlight && passenger.keys.every(free)) this.#depart([passenger]);
      else this.#enqueue(passenger);
    });
  }

  #enqueue(passenger: Passenger): void {
    this.#queue.push(passenger);
    for (const key of passenger.keys) this.#wanted.set(key, (this.#wanted.get(key) ?? 0) + 1);
  }

  #dequeued({ keys }: Passenger): void {
    for (const key of keys) {
      const others = (this.#wanted.get(key) ?? 0) - 1;
      if (others > 0) this.#wanted.set(key, others);
      else this.#wanted.delete(key);
    }
  }

  #depart(passengers: readonly Passenger[]): void {
    const keys = new Set(passengers.flatMap((passenger) => passenger.keys));
    for (const key of keys) this.#inFlight.add(key);
    this.#flights += 1;
    void this.#fly(passengers).finally(() => {
      for (const key of keys) this.#inFlight.delete(key);
      this.#flights -= 1;
      this.#departNext();
    });
  }

  async #fly(passengers: readonly Passenger[]): Promise<void> {
    try {
      const answers = await this.#run(planTrip(passengers.map(({ job }) => job)));
      for (const [index, { resolve }] of passengers.entries()) resolve(answers[index]);
    } catch (error) {
      for (const { reject } of passengers) reject(error);
    }
  }

  #departNext(): void {
    while (this.#flights < this.#options.maxInFlight && this.#queue.length > 0) {
      const boarding = this.#board();
      if (boarding.length === 0) return;
      this.#depart(boarding);
    }
  }

  /** Takes from the queue, in order, what wants no record that is in flight or was wanted before it. */
  #board(): readonly Passenger[] {
    const { maxBatch } = this.#options;
    const taken: Passenger[] = [];
    const left: Passenger[] = [];
    const barred = new Set<string>();
    const isBarred = (key: string): boolean => this.#inFlight.has(key) || barred.has(key);
    let at = 0;
    // Past so many that cannot leave, the rest is not looked at: they will be when those have left.
    for (
      ;
      at < this.#queue.length && taken.length < maxBatch && left.length < 4 * maxBatch;
      at += 1
    ) {
      const passenger = this.#queue[at];
      if (passenger === undefined) continue;
      if (passenger.keys.some(isBarred)) {
        left.push(passenger);
        for (const key of passenger.keys) barred.add(key);
      } else {
        taken.push(passenger);
        this.#dequeued(passenger);
      }
    }
    this.#queue = [...left, ...this.#queue.slice(at)];
    return taken;
  }
}
