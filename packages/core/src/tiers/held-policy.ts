import type { Scheduler } from "../clock.ts";
import { TollgateError } from "../errors.ts";
import { isPromise } from "../maybe-promise.ts";
import type { MaybePromise } from "../store.ts";
import type { SubjectIds } from "../subject.ts";

/**
 * How soon after a failure the policy of the same key is asked for again, so that a database that is
 * down is left to recover.
 */
const RETRY_MS = 1000;

/** Where policies come from, for all keys alike. */
export interface PolicySource<C> {
  readonly ask: (subject: SubjectIds) => MaybePromise<unknown>;
  /** Throws for an answer that is not usable. */
  readonly compile: (answer: unknown) => C;
  /** What holds where nothing is known; `undefined` where the call fails. */
  readonly onFailure: C | undefined;
  readonly ttlMs: number;
  readonly maxStaleMs: number;
  readonly timeoutMs: number;
  readonly scheduler: Scheduler;
  readonly tally: LookupTally;
  /** Told each time that the function threw, rejected or took too long. */
  readonly onFailed: (error: unknown) => void;
}

/** What all keys together have come to. */
export interface LookupTally {
  asked: number;
  failed: number;
  unusable: number;
}

/** A question: when it was asked, by the clock, and as which of all. */
interface Question {
  readonly sinceMs: number;
  readonly turn: number;
}

interface Failure {
  readonly error: unknown;
  readonly sinceMs: number;
  /** Whether there was an answer, which made no sense: that is no outage, and nothing stands in. */
  readonly unusable: boolean;
}

const unanswered = (timeoutMs: number): Error =>
  new Error(`limits: no answer within ${String(timeoutMs)} ms`);

/** The policy of one key: its last answer, or why there is none, and the question that is under way. */
export class HeldPolicy<C> {
  readonly #source: PolicySource<C>;
  #known: { readonly compiled: C; readonly sinceMs: number } | undefined;
  #failure: Failure | undefined;
  #flight: Promise<C> | undefined;
  /** The latest question that has been answered. */
  #answered = 0;

  constructor(source: PolicySource<C>) {
    this.#source = source;
  }

  /**
   * The policy: a value where it is known, or answered at once.
   * @throws TollgateError `LOOKUP_FAILED`, or `INVALID_CONFIG` where the answer is not usable
   */
  resolve(subject: SubjectIds): MaybePromise<C> {
    const known = this.#known;
    if (known !== undefined && this.#within(known.sinceMs, this.#source.ttlMs)) {
      return known.compiled;
    }
    if (this.#flight === undefined && this.#mayAsk()) this.#ask(subject);
    // Once the function has failed, no call waits for it that can do without: a database that hangs
    // would make one in two of them slow.
    const waits = this.#failure === undefined || !this.#holds();
    return this.#flight !== undefined && waits ? this.#flight : this.#standing();
  }

  #mayAsk(): boolean {
    return this.#failure === undefined || !this.#within(this.#failure.sinceMs, RETRY_MS);
  }

  #within(sinceMs: number, forMs: number): boolean {
    return this.#source.scheduler.now() - sinceMs < forMs;
  }

  #ask(subject: SubjectIds): void {
    const { ask, scheduler, tally } = this.#source;
    tally.asked += 1;
    const asked = { sinceMs: scheduler.now(), turn: tally.asked };
    try {
      const answer = ask(subject);
      if (isPromise(answer)) {
        this.#flight = this.#arrival(answer, asked);
        // Where no call waits for it, nobody takes its failure, which is kept anyway.
        this.#flight.catch(() => undefined);
      } else {
        this.#learn(answer, asked);
      }
    } catch (error) {
      this.#fail(error);
    }
  }

  async #arrival(answer: Promise<unknown>, asked: Question): Promise<C> {
    const { timeoutMs, scheduler } = this.#source;
    const { promise: late, cancel } = after(scheduler, timeoutMs);
    // An answer that is late for this call is learned all the same, or a slow database would never
    // be of use.
    const learned = answer.then((policy) => this.#learn(policy, asked));
    try {
      await Promise.race([learned, late]);
    } catch (error) {
      this.#fail(error);
    }
    cancel();
    this.#flight = undefined;
    return this.#standing();
  }

  #learn(answer: unknown, { sinceMs, turn }: Question): void {
    // A later question was answered first.
    if (turn < this.#answered) return;
    this.#answered = turn;
    const { compile, scheduler, tally } = this.#source;
    try {
      this.#known = { compiled: compile(answer), sinceMs };
      this.#failure = undefined;
    } catch (error) {
      tally.unusable += 1;
      this.#known = undefined;
      this.#failure = { error, sinceMs: scheduler.now(), unusable: true };
    }
  }

  #fail(error: unknown): void {
    const { scheduler, tally, onFailed } = this.#source;
    tally.failed += 1;
    this.#failure = { error, sinceMs: scheduler.now(), unusable: false };
    onFailed(error);
  }

  /** Whether the last answer is recent enough to hold while there is no newer. */
  #holds(): boolean {
    const { ttlMs, maxStaleMs } = this.#source;
    return this.#known !== undefined && this.#within(this.#known.sinceMs, ttlMs + maxStaleMs);
  }

  /** What holds by what has been learned, however that ended. */
  #standing(): C {
    const failure = this.#failure;
    const known = this.#known;
    if (known !== undefined && (failure === undefined || this.#holds())) return known.compiled;
    if (failure?.unusable === true) throw failure.error;
    const { onFailure } = this.#source;
    if (onFailure !== undefined) return onFailure;
    throw new TollgateError("LOOKUP_FAILED", "the limits of the subject could not be looked up", {
      cause: failure?.error,
    });
  }
}

/** A promise that is rejected after the time, unless cancelled. */
function after(
  scheduler: Scheduler,
  timeoutMs: number,
): { readonly promise: Promise<never>; readonly cancel: () => void } {
  let reject: (error: Error) => void;
  const promise = new Promise<never>((_, rejectLater) => {
    reject = rejectLater;
  });
  const cancel = scheduler.after(timeoutMs, () => {
    reject(unanswered(timeoutMs));
  });
  return { promise, cancel };
}
