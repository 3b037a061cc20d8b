import { checkCost, type Cost } from "../cost.ts";
import type { Decision } from "../decision.ts";
import { describeValue, isTollgateError, TollgateError } from "../errors.ts";
import type { Limiter } from "../limiter.ts";
import type { Ending } from "../llm/ending.ts";
import type { CallEstimate, CallSettlement, Grant, MeteredCall } from "../llm/metered-call.ts";
import { readUsage } from "../llm/usage/read-usage.ts";
import { allOf, attempt } from "../maybe-promise.ts";
import type { MaybePromise } from "../store.ts";
import type { Subject } from "../subject.ts";
import type { Usage } from "../usage.ts";
import { type UpstreamPath, UsageObserver } from "./observer.ts";
import { type HowEnded, nothingHeld, Passage } from "./passage.ts";

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
   * also beyond the end of the response; where it rejects, observation has the last word. When the
   * store fails, the end of the response tries again.
   */
  readonly settle: (cost: Cost | PromiseLike<Cost>) => Promise<void>;
  /** `settle` with the provider's own usage object, or with the answer or result that holds it. */
  readonly settleUsage: (usage: unknown) => Promise<void>;
  /**
   * The request body to send upstream: with the lowered cap where there is one.
   * @param upstream its path there, where that is another than the request's own
   */
  readonly withGrant: <Body>(body: Body, upstream?: UpstreamPath) => Body;
  /**
   * The request body to send upstream: with `stream_options.include_usage`. What the provider adds
   * to the stream for it is kept from a client that did not ask.
   * @param upstream its path there, where that is another than the request's own
   */
  readonly withUsage: <Body>(body: Body, upstream?: UpstreamPath) => Body;
  /**
   * How the request was settled; known after its response, so never to be awaited before. Of the
   * limiter that was asked last among those that held something. Rejects when the store failed.
   */
  readonly settled: Promise<CallSettlement>;
}

/** The limiters that one request has passed, and what they hold for it. */
export class ExchangeHandle implements TollgateHandle {
  readonly #passages: Passage[] = [];
  readonly #unmetered: Decision;
  #observer: UsageObserver | undefined;
  /** Settlement was promised; until it comes, nothing else settles. */
  #claimed = false;
  #ending: Ending | undefined;
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

  get estimate(): CallEstimate | undefined {
    return this.#call?.estimate;
  }

  /** The lowest of all limiters. */
  get grant(): Grant | undefined {
    const grants = this.#passages.flatMap(({ call }) => call?.grant ?? []);
    return grants.toSorted((a, b) => a.maxOutputTokens - b.maxOutputTokens)[0];
  }

  get settled(): Promise<CallSettlement> {
    const last = this.#passages.findLast(({ holds }) => holds);
    return last === undefined ? Promise.resolve(nothingHeld) : last.settled;
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
    counts: (ending: Ending) => boolean = () => true,
  ): void {
    const passage = new Passage(key, limiter, subject, decision, call, counts);
    this.#passages.push(passage);
    passage.track((one) => this.#observed(this.#ending ?? cutShort)(one));
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

  readonly settle = (cost: Cost | PromiseLike<Cost>): Promise<void> =>
    unwaited(
      this.#settleWith(cost, (amounts) => {
        this.#check(amounts);
        return (passage) => passage.told(amounts);
      }),
      cost,
    );

  readonly settleUsage = (usage: unknown): Promise<void> =>
    unwaited(
      this.#settleWith(usage, (value) => {
        if (readUsage(value) === undefined) throw notUsage(value);
        return (passage) => passage.reported(value);
      }),
      usage,
    );

  readonly withGrant = <Body>(body: Body, upstream?: UpstreamPath): Body =>
    // One after the other: the lowest cap of all limiters stands.
    this.#passages.reduce((granted, { call }) => call?.granted(granted, upstream) ?? granted, body);

  readonly withUsage = <Body>(body: Body, upstream?: UpstreamPath): Body =>
    this.#observer?.ask(body, upstream ?? this.#call?.upstream ?? {}) ?? body;

  /** The response is over: what nobody settled costs what was observed, or else what was held. */
  readonly finish = (ending: Ending): MaybePromise<void> => {
    this.#ending = ending;
    return this.#claimed ? undefined : this.#endAll(this.#observed(ending), true);
  };

  /** No handler ran: everything is given back but the request itself, or scanning would be free. */
  readonly abandon = (): MaybePromise<void> => this.finish(notReached);

  /** A later limiter refused the request: whatever earlier ones hold is given back. */
  readonly release = (): MaybePromise<void> => this.#endAll(() => "release", true);

  #observed(ending: Ending): HowEnded {
    const reading = this.#observer?.reading;
    return (passage) => passage.observed(ending, reading);
  }

  async #settleWith<T>(value: T | PromiseLike<T>, read: (value: T) => HowEnded): Promise<void> {
    // Unmetered, by `skip` say: the handler need not know. And the first call counts.
    if (this.#passages.length === 0 || this.#claimed) return;
    // Read before anything is ended: a cost that cannot be booked must not use up the one settlement.
    if (!isThenable(value)) return this.#book(read(value));
    this.#claimed = true;
    try {
      await this.#book(read(await value));
    } catch (error) {
      this.#claimed = false;
      if (this.#ending !== undefined) await this.finish(this.#ending);
      throw error;
    }
  }

  // A store that fails has been told to the listeners, and must not cost the caller an answer that is
  // paid for: the end of the response tries again.
  async #book(how: HowEnded): Promise<void> {
    try {
      await this.#endAll(how, this.#ending !== undefined);
    } catch (error) {
      if (!isTollgateError(error) || error.code !== "STORE_FAILED") throw error;
    }
  }

  #check(cost: Cost): void {
    const metered = this.#passages.map(({ limiter }) => limiter.metered);
    const types = new Set(metered.flatMap(({ types }) => [...types]));
    checkCost({ types, oneOfMany: metered.some(({ oneOfMany }) => oneOfMany) }, cost);
  }

  #endAll(how: HowEnded, last: boolean): MaybePromise<void> {
    // One that fails must not keep the others from ending.
    return allOf(this.#passages.map((passage) => attempt(() => passage.end(how, last))));
  }
}

/** Who does not wait for a promised settlement is not to be ended by it: the observation counts then. */
function unwaited(settling: Promise<void>, value: unknown): Promise<void> {
  if (isThenable(value)) settling.catch(() => undefined);
  return settling;
}

const isThenable = <T>(value: T | PromiseLike<T>): value is PromiseLike<T> =>
  typeof value === "object" &&
  value !== null &&
  "then" in value &&
  typeof value.then === "function";

const notReached: Ending = { reached: false, finished: true, status: 404 };

/** What is known of an answer when the server stops in the middle of it. */
const cutShort: Ending = { reached: true, finished: false, status: 200 };

const notUsage = (value: unknown): TollgateError =>
  new TollgateError(
    "INVALID_COST",
    `usage: expected a provider's usage, or an answer that holds one, got ${describeValue(value)}`,
    { path: "usage" },
  );
