import type { Limiter } from "../limiter.ts";
import { attempt, isPromise, next } from "../maybe-promise.ts";
import type { MaybePromise } from "../store.ts";
import { abort, type Ending } from "./ending.ts";
import type { CallSettlement, MeteredCall } from "./metered-call.ts";
import type { UsageReading } from "./usage/usage-reader.ts";

// An answer that nobody will read any more, and nobody let go of: its hold would be renewed for ever.
const forgotten = new FinalizationRegistry<RunningCall>((running) => void running.end(abort));

/** A call in this process between its reservation and its settlement, which comes once. */
export class RunningCall {
  readonly metered: MeteredCall;
  readonly #limiter: Limiter;
  readonly #reservationId: string;
  readonly #onSettled: ((settlement: CallSettlement) => void) | undefined;
  readonly #untrack: () => void;
  #reading: (() => UsageReading) | undefined;
  #signal: AbortSignal | undefined;
  #open = true;

  constructor(
    limiter: Limiter,
    reservationId: string,
    metered: MeteredCall,
    onSettled: ((settlement: CallSettlement) => void) | undefined,
  ) {
    this.metered = metered;
    this.#limiter = limiter;
    this.#reservationId = reservationId;
    this.#onSettled = onSettled;
    this.#untrack = limiter.track({ reservationId, end: () => this.end(abort) });
  }

  /** What has been read of the answer, from now on. */
  observe(reading: () => UsageReading): void {
    this.#reading = reading;
  }

  /** Ends with the answer, where its reader drops it. Nothing that lives on may refer to `answer`. */
  endWith(answer: object): void {
    if (this.#open) forgotten.register(answer, this, this);
  }

  /** Ends as aborted when the signal says so, whatever the provider's client makes of it. */
  endBy(signal: AbortSignal | undefined): void {
    if (signal === undefined || !this.#open) return;
    this.#signal = signal;
    if (signal.aborted) this.#aborted();
    else signal.addEventListener("abort", this.#aborted);
  }

  /** Settles by the usage in an answer, if it has any. */
  report(answer: unknown): MaybePromise<boolean> {
    let settlement: CallSettlement | undefined;
    try {
      settlement = this.#open ? this.metered.reported(answer) : undefined;
    } catch {
      // Its getters may throw; then it tells nothing.
    }
    return settlement === undefined ? false : next(this.#settle(settlement), () => true);
  }

  /** Settles by what was observed. Never throws, and settles once however often it is called. */
  end(ending: Ending): MaybePromise<void> {
    if (!this.#open) return undefined;
    const reading = this.#reading?.();
    // Of an answer that could not be watched nothing is known, not that it was empty.
    const seen = reading?.begun === true || !ending.finished ? reading : undefined;
    return this.#settle(this.metered.settlement(ending, seen));
  }

  readonly #aborted = (): void => void this.end(abort);

  #settle(settlement: CallSettlement): MaybePromise<void> {
    this.#open = false;
    this.#untrack();
    this.#signal?.removeEventListener("abort", this.#aborted);
    forgotten.unregister(this);
    const { cost, source } = settlement;
    const settled = attempt(() =>
      next(this.#limiter.settle(this.#reservationId, cost, { source }), (outcome) => {
        this.#onSettled?.({ ...settlement, cost: outcome.cost });
      }),
    );
    // The caller gets the answer it paid for; a store's failure is told to the listeners.
    return isPromise(settled) ? settled.catch(() => undefined) : undefined;
  }
}
