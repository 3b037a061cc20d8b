import type { Cost, Metered } from "../cost.ts";
import type { Decision } from "../decision.ts";
import type { Listener } from "../events.ts";
import type {
  AcquireOptions,
  BlockOptions,
  CloseOptions,
  HeldReservation,
  Limiter,
  LimiterChanges,
  ReserveOptions,
  ResetOptions,
  SettlementOutcome,
  SettleOptions,
} from "../limiter.ts";
import { meterCall, type MeterCallback, type MeterOptions } from "../llm/in-process.ts";
import type { LlmMeter } from "../llm/meter.ts";
import { next } from "../maybe-promise.ts";
import type { LimitOverrides } from "../policy/override.ts";
import { parseOverrides } from "../policy/override.ts";
import type { Plan } from "../policy/plan.ts";
import type { MaybePromise } from "../store.ts";
import { checkSubject, type Subject } from "../subject.ts";
import type { PolicyLookup } from "../tiers/policy-lookup.ts";
import type { Usage } from "../usage.ts";
import type { WaitingStats } from "../waiting/waiting-room.ts";
import { invalidArgument } from "./arguments.ts";
import type { LimiterParts } from "./limiter-parts.ts";
import type { OpenCall } from "./open-calls.ts";
import type { StoreLimiter } from "./store-limiter.ts";

/**
 * A limiter whose limits depend on the subject: finds the limiter of each subject, and lets it answer.
 * Subjects of equal limits share one, and all of them share one usage.
 */
export class LookedUpLimiter implements Limiter<"async"> {
  readonly #lookup: PolicyLookup<StoreLimiter>;
  readonly #parts: LimiterParts;
  /** Answers what has nothing to do with limits. */
  readonly #any: Limiter<"async">;
  /** Each on top of those before. */
  readonly #overrides: readonly Required<LimitOverrides>[];
  readonly #overridden = new WeakMap<Limiter<"async">, Limiter<"async">>();

  /** @param any a limiter without limits over the same parts */
  constructor(
    lookup: PolicyLookup<StoreLimiter>,
    parts: LimiterParts,
    any: Limiter<"async">,
    overrides: readonly Required<LimitOverrides>[] = [],
  ) {
    this.#lookup = lookup;
    this.#parts = parts;
    this.#any = any;
    this.#overrides = overrides;
  }

  get name(): string {
    return this.#any.name;
  }

  get enabled(): boolean {
    return this.#any.enabled;
  }

  get limits(): Plan["limits"] {
    return [];
  }

  get metered(): Metered {
    return this.#any.metered;
  }

  get synchronous(): boolean {
    return false;
  }

  get llm(): LlmMeter {
    return this.#any.llm;
  }

  get waiting(): WaitingStats {
    return this.#any.waiting;
  }

  readonly forSubject = (subject: Subject): MaybePromise<Limiter<"async">> => {
    checkSubject(subject);
    if (!this.enabled) return this.#any;
    const ids = typeof subject === "string" ? { caller: subject } : subject;
    return next(this.#lookup.resolve(ids), (limiter) => this.#withOverrides(limiter));
  };

  readonly check = (subject: Subject, cost?: Cost): MaybePromise<Decision> =>
    next(this.#deciding(subject), (limiter) => limiter.check(subject, cost));

  readonly checkAndRecord = (subject: Subject, cost?: Cost): MaybePromise<Decision> =>
    next(this.#deciding(subject), (limiter) => limiter.checkAndRecord(subject, cost));

  readonly reserve = (
    subject: Subject,
    cost?: Cost,
    options?: ReserveOptions,
  ): MaybePromise<Decision> =>
    next(this.#deciding(subject), (limiter) => limiter.reserve(subject, cost, options));

  readonly acquire = async (
    subject: Subject,
    cost?: Cost,
    options?: AcquireOptions,
  ): Promise<Decision> => (await this.#deciding(subject)).acquire(subject, cost, options);

  readonly record = (subject: Subject, cost: Cost): MaybePromise<readonly Usage[]> =>
    next(this.forSubject(subject), (limiter) => limiter.record(subject, cost));

  readonly adjust = (subject: Subject, cost: Cost): MaybePromise<readonly Usage[]> =>
    next(this.forSubject(subject), (limiter) => limiter.adjust(subject, cost));

  readonly block = (subject: Subject, options: BlockOptions): MaybePromise<void> =>
    next(this.forSubject(subject), (limiter) => limiter.block(subject, options));

  readonly unblock = (subject: Subject, options?: ResetOptions): MaybePromise<void> =>
    next(this.forSubject(subject), (limiter) => limiter.unblock(subject, options));

  readonly usage = (subject: Subject): MaybePromise<readonly Usage[]> =>
    next(this.forSubject(subject), (limiter) => limiter.usage(subject));

  readonly reservations = (subject: Subject): MaybePromise<readonly HeldReservation[]> =>
    next(this.forSubject(subject), (limiter) => limiter.reservations(subject));

  readonly reset = (subject: Subject, options?: ResetOptions): MaybePromise<void> =>
    next(this.forSubject(subject), (limiter) => limiter.reset(subject, options));

  readonly meter = async <Body, T>(
    subject: Subject,
    body: Body,
    call: MeterCallback<Body, T>,
    options?: MeterOptions,
  ): Promise<T> => meterCall(await this.#deciding(subject), subject, body, call, options);

  readonly settle = (
    reservationId: string,
    cost: Cost,
    options?: SettleOptions,
  ): MaybePromise<SettlementOutcome> => this.#any.settle(reservationId, cost, options);

  readonly release = (reservationId: string): MaybePromise<SettlementOutcome> =>
    this.#any.release(reservationId);

  readonly renew = (reservationId: string, leaseMs?: number): MaybePromise<boolean> =>
    this.#any.renew(reservationId, leaseMs);

  readonly track = (call: OpenCall): (() => void) => this.#any.track(call);

  readonly resetExpired = (beforeMs?: number): MaybePromise<number> =>
    this.#any.resetExpired(beforeMs);

  /** Overrides of limits that a subject does not have mean nothing for it. */
  readonly override = (overrides: LimitOverrides): Limiter<"async"> =>
    new LookedUpLimiter(this.#lookup, this.#parts, this.#any, [
      ...this.#overrides,
      parseOverrides(overrides),
    ]);

  readonly reconfigure = (changes: LimiterChanges): void => {
    throw invalidArgument("reconfigure", "a limiter whose limits are a list", changes);
  };

  readonly forgetLimits = (subject?: Subject): void => {
    const ids = typeof subject === "string" ? { caller: subject } : subject;
    this.#lookup.forget(ids);
  };

  readonly listed = (subject: Subject, address?: string, cost?: Cost): Decision | undefined =>
    this.#any.listed(subject, address, cost);

  readonly subscribe = (listener: Listener): (() => void) => this.#any.subscribe(listener);

  readonly close = (options?: CloseOptions): MaybePromise<void> => this.#parts.close(options);

  /** The limiter to decide by. What lists say of a subject, none has to be looked up for. */
  #deciding(subject: Subject): MaybePromise<Limiter<"async">> {
    checkSubject(subject);
    const { lists } = this.#parts.settings;
    const isListed = lists.inUse && lists.decide(subject, 0) !== undefined;
    return isListed ? this.#any : this.forSubject(subject);
  }

  #withOverrides(limiter: Limiter<"async">): Limiter<"async"> {
    if (this.#overrides.length === 0) return limiter;
    const known = this.#overridden.get(limiter);
    if (known !== undefined) return known;
    let overridden = limiter;
    for (const { limits, add } of this.#overrides) {
      const names = new Set(overridden.limits.map(({ name }) => name));
      const own = Object.entries(limits).filter(([name]) => names.has(name));
      overridden = overridden.override({ limits: Object.fromEntries(own), add });
    }
    this.#overridden.set(limiter, overridden);
    return overridden;
  }
}
