import { checkCost, type Cost } from "../cost.ts";
import type { Decision, Usage } from "../decision.ts";
import { describeValue, TollgateError } from "../errors.ts";
import type { Limiter } from "../limiter.ts";
import type { Ending } from "../llm/ending.ts";
import type { CallEstimate, CallSettlement, Grant, MeteredCall } from "../llm/metered-call.ts";
import { allOf, attempt, next } from "../maybe-promise.ts";
import type { MaybePromise } from "../store.ts";
import type { Subject } from "../subject.ts";
import { UsageObserver } from "./observer.ts";

/** What handlers find on the request: how it was decided, and the means to settle it. */
export interface TollgateHandle {
  /** The decision of the limiter that was asked last. */
  readonly decision: Decision;
  /** The decisions of all limiters this request has passed, in order. */
  readonly decisions: readonly Decision[];
  /** What the request is thought to need, where its tokens are metered. */
  readonly estimate: CallEstimate | undefined;
  /** The lowered output cap, where limits had no room for the one that was asked for. */
  readonly grant: Grant | undefined;
  /** How the limits stand now. */
  readonly usage: () => Promise<readonly Usage[]>;
  /**
   * What the call really cost, for all limiters of the request. The first call counts, and wins over
   * what is observed; types left out keep what was held. A promise claims the settlement at once,
   * also beyond the end of the response; where it rejects, observation has the last word.
   */
  readonly settle: (cost: Cost | Promise<Cost>) => Promise<void>;
  /** `settle` with the provider's own usage object, or with the answer or result that holds it. */
  readonly settleUsage: (usage: unknown) => Promise<void>;
  /** The request body to send upstream: with the lowered cap where there is one. */
  readonly withGrant: <Body>(body: Body) => Body;
  /**
   * The request body to send upstream: with `stream_options.include_usage`. What the provider adds
   * to the stream for it is kept from a client that did not ask.
   */
  readonly withUsage: <Body>(body: Body) => Body;
  /** How the request was settled, once it was; of the limiter that was asked last. */
  readonly settled: Promise<CallSettlement>;
}

interface Passage {
  /** Tells limiters apart; one and its overrides have the same. */
  readonly key: object;
  readonly limiter: Limiter;
  readonly subject: Subject;
  readonly decision: Decision;
  /** Where tokens are metered. */
  readonly call: MeteredCall | undefined;
  open: boolean;
  untrack: () => void;
}

/** How one passage ends: with a settlement, or with all given back. */
type HowEnded = (passage: Passage) => CallSettlement | "release";

const asHeld: CallSettlement = { cost: {}, source: "estimated", usage: undefined };

/** The limiters that one request has passed, and what they hold for it. */
export class ExchangeHandle implements TollgateHandle {
  readonly #passages: Passage[] = [];
  readonly #unmetered: Decision;
  readonly #settled: Promise<CallSettlement>;
  #tellSettled: (settlement: CallSettlement) => void = () => undefined;
  #observer: UsageObserver | undefined;
  /** Settlement was promised; until it comes, nothing else settles. */
  #claimed = false;
  #ending: Ending | undefined;
  /** How many limiters are deciding about the request just now. */
  deciding = 0;

  /** @param unmetered the decision to show while no limiter has decided */
  constructor(unmetered: Decision) {
    this.#unmetered = unmetered;
    this.#settled = new Promise((resolve) => {
      this.#tellSettled = resolve;
    });
  }

  get decision(): Decision {
    return this.#passages.at(-1)?.decision ?? this.#unmetered;
  }

  get decisions(): readonly Decision[] {
    return this.#passages.map(({ decision }) => decision);
  }

  get estimate(): CallEstimate | undefined {
    return this.#call?.estimate;
  }

  /** The lowest of all limiters. */
  get grant(): Grant | undefined {
    const grants = this.#passages.flatMap(({ call }) => call?.grant ?? []);
    return grants.toSorted((a, b) => a.maxOutputTokens - b.maxOutputTokens)[0];
  }

  get settled(): Promise<CallSettlement> {
    return this.#settled;
  }

  get #call(): MeteredCall | undefined {
    return this.#passages.findLast(({ call }) => call !== undefined)?.call;
  }

  /** Whether a limiter, or an override of it, has already charged the request. */
  hasPassed(key: object): boolean {
    return this.#passages.some((passage) => passage.key === key);
  }

  pass(
    key: object,
    limiter: Limiter,
    subject: Subject,
    decision: Decision,
    call?: MeteredCall,
  ): void {
    const { reservation } = decision;
    const passage: Passage = {
      key,
      limiter,
      subject,
      decision,
      call,
      open: reservation !== undefined,
      untrack: () => undefined,
    };
    this.#passages.push(passage);
    if (reservation === undefined) return;
    passage.untrack = limiter.track({
      reservationId: reservation.id,
      end: () => this.#endOne(passage, this.#observed(cutShort)),
    });
  }

  /** What is to watch the answer; once per exchange, however many limiters it passed. */
  observe(): UsageObserver | undefined {
    const call = this.#call;
    if (this.#observer !== undefined || call === undefined) return undefined;
    this.#observer = new UsageObserver((header) => call.reader({ header }));
    return this.#observer;
  }

  readonly usage = async (): Promise<readonly Usage[]> => {
    const lists = this.#passages.map(async ({ limiter, subject }) => limiter.usage(subject));
    return (await Promise.all(lists)).flat();
  };

  readonly settle = async (cost: Cost | Promise<Cost>): Promise<void> =>
    this.#settleWith(cost, (amounts) => {
      this.#check(amounts);
      return ({ limiter }) => ({
        cost: costFor(limiter, amounts),
        source: "measured",
        usage: undefined,
      });
    });

  readonly settleUsage = async (usage: unknown): Promise<void> =>
    this.#settleWith(usage, (value) => {
      const call = this.#call;
      if (call !== undefined && call.reported(value) === undefined) throw notUsage(value);
      return (passage) => passage.call?.reported(value) ?? asHeld;
    });

  readonly withGrant = <Body>(body: Body): Body =>
    // One after the other: the lowest cap of all limiters stands.
    this.#passages.reduce((granted, { call }) => call?.granted(granted) ?? granted, body);

  readonly withUsage = <Body>(body: Body): Body => this.#observer?.ask(body) ?? body;

  /** The response is over: what nobody settled costs what was observed, or else what was held. */
  readonly finish = (ending: Ending): MaybePromise<void> => {
    this.#ending = ending;
    return this.#claimed ? undefined : this.#endAll(this.#observed(ending));
  };

  /** No handler ran: everything is given back but the request itself, or scanning would be free. */
  readonly abandon = (): MaybePromise<void> => this.finish(notReached);

  /** A later limiter refused the request: whatever earlier ones hold is given back. */
  readonly release = (): MaybePromise<void> => this.#endAll(() => "release");

  #observed(ending: Ending): HowEnded {
    const reading = this.#observer?.reading;
    return ({ call, limiter }) => {
      if (call !== undefined) {
        const settlement = call.settlement(ending, reading);
        return ending.reached ? settlement : { ...settlement, cost: nothingOf(limiter) };
      }
      return ending.reached
        ? asHeld
        : { cost: nothingOf(limiter), source: "none", usage: undefined };
    };
  }

  async #settleWith<T>(value: T | Promise<T>, read: (value: T) => HowEnded): Promise<void> {
    // Unmetered, by `skip` say: the handler need not know.
    if (this.#passages.length === 0) return;
    if (!(value instanceof Promise)) {
      // Read before anything is ended: a cost that cannot be booked must not use up the one settlement.
      await this.#endAll(read(value));
      return;
    }
    this.#claimed = true;
    try {
      await this.#endAll(read(await value));
    } catch (error) {
      this.#claimed = false;
      if (this.#ending !== undefined) await this.finish(this.#ending);
      throw error;
    }
  }

  #check(cost: Cost): void {
    const limits = this.#passages.flatMap(({ limiter }) => limiter.limits);
    checkCost({ types: new Set(limits.map(({ type }) => type)) }, cost);
  }

  #endAll(how: HowEnded): MaybePromise<void> {
    const open = this.#passages.filter((passage) => passage.open);
    // One that fails must not keep the others from ending.
    return allOf(open.map((passage) => attempt(() => this.#endOne(passage, how))));
  }

  // Marked as ended before the store is asked, so that no second signal can end it again.
  #endOne(passage: Passage, how: HowEnded): MaybePromise<void> {
    const { limiter, decision } = passage;
    if (!passage.open || decision.reservation === undefined) return undefined;
    passage.open = false;
    passage.untrack();
    const { id } = decision.reservation;
    const settlement = how(passage);
    if (settlement === "release") return next(limiter.release(id), () => undefined);
    const { cost, source } = settlement;
    return next(limiter.settle(id, cost, { source }), (outcome) => {
      if (passage === this.#passages.at(-1)) {
        this.#tellSettled({ ...settlement, cost: outcome.cost });
      }
    });
  }
}

const notReached: Ending = { reached: false, finished: true, status: 404 };

/** What is known of an answer when the server stops in the middle of it. */
const cutShort: Ending = { reached: true, finished: false, status: 200 };

/** No amount of anything but of the request itself. */
const nothingOf = ({ limits }: Limiter): Cost =>
  Object.fromEntries(
    limits.filter(({ type }) => type !== "count").map(({ type }) => [type, 0] as const),
  );

// One cost serves several limiters, each metering other types.
function costFor({ limits }: Limiter, cost: Cost): Cost {
  const types = new Set(limits.map(({ type }) => type));
  return Object.fromEntries(Object.entries(cost).filter(([type]) => types.has(type)));
}

const notUsage = (value: unknown): TollgateError =>
  new TollgateError(
    "INVALID_COST",
    `usage: expected a provider's usage, or an answer that holds one, got ${describeValue(value)}`,
    { path: "usage" },
  );
