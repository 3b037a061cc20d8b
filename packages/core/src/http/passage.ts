import type { Cost } from "../cost.ts";
import type { Decision } from "../decision.ts";
import type { Limiter } from "../limiter.ts";
import type { Ending } from "../llm/ending.ts";
import type { CallSettlement, MeteredCall } from "../llm/metered-call.ts";
import type { UsageReading } from "../llm/usage/usage-reader.ts";
import { attempt, isPromise, next } from "../maybe-promise.ts";
import type { MaybePromise } from "../store.ts";
import type { Subject } from "../subject.ts";

/** Why and how a passage ends: with a settlement, or with all given back. */
export type HowEnded = (passage: Passage) => CallSettlement | "release";

/** What was held stands. */
const asHeld: CallSettlement = { cost: {}, source: "estimated", usage: undefined };

/** Nothing was held, or all of it went back. */
export const nothingHeld: CallSettlement = { cost: {}, source: "none", usage: undefined };

/** What a request has to do with one limiter that admitted it. */
export class Passage {
  /** Tells limiters apart; one and its overrides have the same. */
  readonly key: object;
  readonly limiter: Limiter;
  readonly subject: Subject;
  readonly decision: Decision;
  /** Where tokens are metered. */
  readonly call: MeteredCall | undefined;
  /** Whether the request counts that ended like this. */
  readonly #counts: (ending: Ending) => boolean;
  #open: boolean;
  /** What could not be booked, for another try. */
  #pending: CallSettlement | "release" | undefined;
  #untrack: () => void = () => undefined;
  #result: Promise<CallSettlement> | undefined;
  #tell: (settlement: CallSettlement) => void = () => undefined;
  #tellFailure: (error: unknown) => void = () => undefined;

  constructor(
    key: object,
    limiter: Limiter,
    subject: Subject,
    decision: Decision,
    call: MeteredCall | undefined,
    counts: (ending: Ending) => boolean,
  ) {
    this.key = key;
    this.limiter = limiter;
    this.subject = subject;
    this.decision = decision;
    this.call = call;
    this.#counts = counts;
    this.#open = decision.reservation !== undefined;
  }

  /** Whether it holds something, or did. */
  get holds(): boolean {
    return this.decision.reservation !== undefined;
  }

  /** How it was settled; rejects when that failed for good. */
  get settled(): Promise<CallSettlement> {
    if (this.#result === undefined) {
      this.#result = new Promise((resolve, reject) => {
        this.#tell = resolve;
        this.#tellFailure = reject;
      });
      // Nobody has to ask.
      this.#result.catch(() => undefined);
    }
    return this.#result;
  }

  /** Lets the limiter renew the lease, and end the passage when it is closed. */
  track(how: HowEnded): void {
    const { reservation } = this.decision;
    if (reservation === undefined) return;
    const end = (): MaybePromise<void> => this.end(how, true);
    this.#untrack = this.limiter.track({ reservationId: reservation.id, end });
  }

  /**
   * Ends the passage, once however often it is called. What fails is tried again by the next call,
   * unless this is the `last` chance.
   */
  end(how: HowEnded, last: boolean): MaybePromise<void> {
    const { reservation } = this.decision;
    if (!this.#open || reservation === undefined) return undefined;
    // Before anything is asked, so that no second signal can end it again.
    this.#open = false;
    const ended = this.#pending ?? this.#endedBy(how);
    const booking = attempt(() => this.#book(reservation.id, ended));
    if (!isPromise(booking)) {
      this.#over();
      this.#tell(booking);
      return undefined;
    }
    return this.#await(booking, ended, last);
  }

  // A callback of the application that throws must not leave the hold open: then it costs what it held.
  #endedBy(how: HowEnded): CallSettlement | "release" {
    try {
      return how(this);
    } catch (error) {
      process.emitWarning(error instanceof Error ? error : String(error));
      return asHeld;
    }
  }

  async #await(
    booking: Promise<CallSettlement>,
    ended: CallSettlement | "release",
    last: boolean,
  ): Promise<void> {
    try {
      const settlement = await booking;
      this.#over();
      this.#tell(settlement);
    } catch (error) {
      this.#pending = ended;
      this.#open = !last;
      if (last) {
        this.#over();
        this.#tellFailure(error);
      }
      throw error;
    }
  }

  /** What was seen of the answer, as a settlement. */
  observed(ending: Ending, reading: UsageReading | undefined): CallSettlement {
    const { call } = this;
    const settlement = call?.settlement(ending, reading) ?? asHeld;
    const uncounted: Cost = this.#counts(ending) ? {} : { count: 0 };
    if (ending.reached) return { ...settlement, cost: { ...settlement.cost, ...uncounted } };
    const source = call === undefined ? "none" : settlement.source;
    const cost = { ...this.#nothing, ...settlement.cost, ...uncounted };
    return { ...settlement, source, cost };
  }

  /** What a handler's usage comes to, also in types whose hold was told by the `cost` callback. */
  reported(usage: unknown): CallSettlement {
    const { call, limiter } = this;
    const types = limiter.limits.map(({ type }) => type);
    const all = limiter.llm.reported(usage, types) ?? asHeld;
    const own = call?.reported(usage);
    return own === undefined ? all : { ...own, cost: { ...all.cost, ...own.cost } };
  }

  /** One cost serves several limiters, each metering other types. */
  told(cost: Cost): CallSettlement {
    const types = new Set(this.limiter.limits.map(({ type }) => type));
    const own = Object.entries(cost).filter(([type]) => types.has(type));
    return { cost: Object.fromEntries(own), source: "measured", usage: undefined };
  }

  // No amount of anything but of the request itself.
  get #nothing(): Cost {
    const types = this.limiter.limits.map(({ type }) => type).filter((type) => type !== "count");
    return Object.fromEntries(types.map((type) => [type, 0] as const));
  }

  #book(id: string, ended: CallSettlement | "release"): MaybePromise<CallSettlement> {
    const { limiter } = this;
    if (ended === "release") return next(limiter.release(id), () => nothingHeld);
    const { cost, source } = ended;
    return next(limiter.settle(id, cost, { source }), (outcome) => ({
      ...ended,
      cost: outcome.cost,
    }));
  }

  #over(): void {
    this.#untrack();
    // Asked for later, the result is there.
    void this.settled;
  }
}
