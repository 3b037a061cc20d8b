import { TollgateError } from "../errors.ts";
import type { Announcer, StoreFailureEvent } from "../events.ts";
import { isPromise } from "../maybe-promise.ts";
import type { MaybePromise, Store } from "../store.ts";

/** The store as a limiter asks it: until it is closed, with failures told and made one kind of error. */
export class StoreAccess {
  readonly store: Store;
  readonly #limiter: string;
  readonly #announcer: Announcer;
  /** No more decisions. */
  closing: MaybePromise<void> | false = false;
  /** No more questions. */
  closed = false;

  constructor(store: Store, limiter: string, announcer: Announcer) {
    this.store = store;
    this.#limiter = limiter;
    this.#announcer = announcer;
  }

  /** @throws TollgateError `LIMITER_CLOSED`, `STORE_FAILED` */
  ask<T>(
    operation: StoreFailureEvent["operation"],
    question: (store: Store) => MaybePromise<T>,
  ): MaybePromise<T> {
    if (this.closed) throw this.whenClosed();
    try {
      const answer = question(this.store);
      if (!isPromise(answer)) return answer;
      return answer.catch((error: unknown) => this.fail(operation, error));
    } catch (error) {
      return this.fail(operation, error);
    }
  }

  whenClosed(): TollgateError {
    return new TollgateError("LIMITER_CLOSED", `limiter "${this.#limiter}" has been closed`);
  }

  fail(operation: StoreFailureEvent["operation"], error: unknown): never {
    this.#announcer.tell({ type: "storeFailure", limiter: this.#limiter, operation, error });
    throw new TollgateError("STORE_FAILED", `the store failed to ${operation}`, { cause: error });
  }
}
