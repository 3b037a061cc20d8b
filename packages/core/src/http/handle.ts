import { checkCost, type Cost } from "../cost.ts";
import type { Decision, Usage } from "../decision.ts";
import type { Limiter } from "../limiter.ts";
import type { MaybePromise } from "../store.ts";
import type { Subject } from "../subject.ts";

/** What handlers find on the request: how it was decided, and the means to settle it. */
export interface TollgateHandle {
  /** The decision of the limiter that was asked last. */
  readonly decision: Decision;
  /** The decisions of all limiters this request has passed, in order. */
  readonly decisions: readonly Decision[];
  /** How the limits stand now. */
  readonly usage: () => Promise<readonly Usage[]>;
  /**
   * What the call really cost, for all limiters of the request. The first call counts; types left
   * out keep what was held. Not called, the call costs what was held.
   */
  readonly settle: (cost: Cost) => Promise<void>;
}

interface Passage {
  /** Tells limiters apart; one and its overrides have the same. */
  readonly key: object;
  readonly limiter: Limiter;
  readonly subject: Subject;
  readonly decision: Decision;
  open: boolean;
}

/** The limiters that one request has passed, and what they hold for it. */
export class ExchangeHandle implements TollgateHandle {
  readonly #passages: Passage[] = [];
  readonly #unmetered: Decision;
  /** How many limiters are deciding about the request just now. */
  deciding = 0;

  /** @param unmetered the decision to show while no limiter has decided */
  constructor(unmetered: Decision) {
    this.#unmetered = unmetered;
  }

  get decision(): Decision {
    return this.#passages.at(-1)?.decision ?? this.#unmetered;
  }

  get decisions(): readonly Decision[] {
    return this.#passages.map(({ decision }) => decision);
  }

  /** Whether a limiter, or an override of it, has already charged the request. */
  hasPassed(key: object): boolean {
    return this.#passages.some((passage) => passage.key === key);
  }

  pass(key: object, limiter: Limiter, subject: Subject, decision: Decision): void {
    const open = decision.reservation !== undefined;
    this.#passages.push({ key, limiter, subject, decision, open });
  }

  readonly usage = async (): Promise<readonly Usage[]> => {
    const lists = this.#passages.map(async ({ limiter, subject }) => limiter.usage(subject));
    return (await Promise.all(lists)).flat();
  };

  readonly settle = async (cost: Cost): Promise<void> => {
    // Unmetered, by `skip` say: the handler need not know.
    if (this.#passages.length === 0) return;
    const limits = this.#passages.flatMap(({ limiter }) => limiter.limits);
    // Before anything is ended: a cost that cannot be booked must not use up the one settlement.
    checkCost({ types: new Set(limits.map(({ type }) => type)) }, cost);
    await this.#end((limiter, id) => limiter.settle(id, costFor(limiter, cost)));
  };

  /** The response is over: what nobody settled costs what was held. */
  readonly finish = async (): Promise<void> => this.#end((limiter, id) => limiter.settle(id, {}));

  /** No handler ran: everything is given back but the request itself, or scanning would be free. */
  readonly abandon = async (): Promise<void> =>
    this.#end((limiter, id) => {
      const types = limiter.limits.map(({ type }) => type).filter((type) => type !== "count");
      return limiter.settle(id, Object.fromEntries(types.map((type) => [type, 0])));
    });

  /** A later limiter refused the request: whatever earlier ones hold is given back. */
  readonly release = async (): Promise<void> => this.#end((limiter, id) => limiter.release(id));

  // Marked as ended before the store is asked, so that no second signal can end it again.
  async #end(
    how: (limiter: Limiter, reservationId: string) => MaybePromise<unknown>,
  ): Promise<void> {
    const endings = this.#passages.map(async (passage) => {
      const { limiter, decision } = passage;
      if (!passage.open || decision.reservation === undefined) return;
      passage.open = false;
      await how(limiter, decision.reservation.id);
    });
    await Promise.all(endings);
  }
}

// One cost serves several limiters, each metering other types.
function costFor({ limits }: Limiter, cost: Cost): Cost {
  const types = new Set(limits.map(({ type }) => type));
  return Object.fromEntries(Object.entries(cost).filter(([type]) => types.has(type)));
}
