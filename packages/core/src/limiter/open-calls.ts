import { allOf, attempt, isPromise } from "../maybe-promise.ts";
import type { MaybePromise } from "../store.ts";

/** A call that holds a reservation while it runs. */
export interface OpenCall {
  readonly reservationId: string;
  /** Settles the call with what is known by now. Asked at most once, when the limiter closes. */
  readonly end: () => MaybePromise<unknown>;
}

/**
 * The calls that are running. While there are any, their leases are renewed; a call that is never
 * deleted keeps its process's claim until the process ends, which is when the lease runs out.
 */
export class OpenCalls {
  readonly #calls = new Set<OpenCall>();
  readonly #everyMs: number;
  readonly #renew: (reservationId: string) => MaybePromise<unknown>;
  #timer: NodeJS.Timeout | undefined;
  #ended = false;

  /** @param everyMs how often leases are renewed: a third of the lease, so that two tries may fail */
  constructor(everyMs: number, renew: (reservationId: string) => MaybePromise<unknown>) {
    this.#everyMs = everyMs;
    this.#renew = renew;
  }

  get size(): number {
    return this.#calls.size;
  }

  /** @returns what is to be called when the call has ended */
  add(call: OpenCall): () => void {
    // Decided while the limiter was closing: what it holds stays charged, as after a crash.
    if (this.#ended) return () => undefined;
    this.#calls.add(call);
    this.#start();
    return () => {
      this.#calls.delete(call);
      if (this.#calls.size === 0) this.#stop();
    };
  }

  renewAll(): void {
    for (const { reservationId } of this.#calls) {
      const renewed = attempt(() => this.#renew(reservationId));
      // Listeners have been told; the next round tries again.
      if (isPromise(renewed)) renewed.catch(() => undefined);
    }
  }

  /** Ends every call, for good. */
  endAll(): MaybePromise<void> {
    const calls = [...this.#calls];
    this.#ended = true;
    this.#calls.clear();
    this.#stop();
    return allOf(calls.map(ended));
  }

  // One timer for all calls, and none that keeps an idle process alive. In a method of its own, or it
  // would keep the call that started it.
  #start(): void {
    this.#timer ??= setInterval(() => {
      this.renewAll();
    }, this.#everyMs).unref();
  }

  #stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }
}

// One that fails must not keep the others from ending; listeners have been told.
function ended({ end }: OpenCall): MaybePromise<unknown> {
  const ending = attempt(end);
  return isPromise(ending) ? ending.catch(() => undefined) : undefined;
}
