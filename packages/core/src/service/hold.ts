import type { Cost } from "../cost.ts";
import type { Limiter } from "../limiter.ts";
import { attempt, isPromise } from "../maybe-promise.ts";
import type { MaybePromise } from "../store.ts";
import { checkActualCost } from "./admit.ts";

/** What a call holds while it runs. It ends once: with the call, or else when the limiter closes. */
export class Hold {
  readonly #limiter: Limiter;
  readonly #reservationId: string;
  readonly #untrack: () => void;
  #open = true;

  constructor(limiter: Limiter, reservationId: string) {
    this.#limiter = limiter;
    this.#reservationId = reservationId;
    this.#untrack = limiter.track({ reservationId, end: () => this.keep() });
  }

  /** What is held is what the call cost. */
  keep(): MaybePromise<void> {
    return this.#end(() => this.#limiter.settle(this.#reservationId, {}, { source: "estimated" }));
  }

  /** The call cost nothing. */
  release(): MaybePromise<void> {
    return this.#end(() => this.#limiter.release(this.#reservationId));
  }

  /** Settles to the cost that `tell` tells; where it tells none, or fails, what is held is kept. */
  async settle(tell: () => MaybePromise<Cost | undefined>): Promise<void> {
    try {
      const cost = await tell();
      if (cost === undefined) return;
      checkActualCost(this.#limiter, cost);
      await this.#end(() => this.#limiter.settle(this.#reservationId, cost));
    } finally {
      await this.keep();
    }
  }

  #end(end: () => MaybePromise<unknown>): MaybePromise<void> {
    if (!this.#open) return undefined;
    this.#open = false;
    this.#untrack();
    const ending = attempt(end);
    // The caller gets what it paid for; a store's failure is told to the listeners.
    return isPromise(ending)
      ? ending.then(
          () => undefined,
          () => undefined,
        )
      : undefined;
  }
}
