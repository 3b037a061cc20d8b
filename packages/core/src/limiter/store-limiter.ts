import { systemClock } from "../clock.ts";
import { checkCost, type Cost, type Metered } from "../cost.ts";
import { type Decision, unlimited } from "../decision.ts";
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
import type { UsageSource } from "../llm/tokens.ts";
import { next } from "../maybe-promise.ts";
import type { LimitOverrides } from "../policy/override.ts";
import { overriddenPlan, type PlanSource } from "../policy/plan-source.ts";
import type { Plan } from "../policy/plan.ts";
import { MAX_WINDOW_MS } from "../policy/window.ts";
import type { MaybePromise } from "../store.ts";
import { checkSubject, idFor, queueOf, type Subject, tenantOf } from "../subject.ts";
import type { Usage } from "../usage.ts";
import { checkAcquire } from "../waiting/acquire-options.ts";
import { acquire } from "../waiting/acquire.ts";
import { cellsOf } from "../waiting/waiting-calls.ts";
import type { WaitingStats } from "../waiting/waiting-room.ts";
import { checkId, checkIntegerArgument, checkLease, invalidArgument } from "./arguments.ts";
import { Decider } from "./decider.ts";
import type { LimiterParts } from "./limiter-parts.ts";
import type { OpenCall } from "./open-calls.ts";

/** A limiter over any store: checks and translates arguments, asks, and tells the listeners. */
export class StoreLimiter implements Limiter<"async"> {
  readonly #source: PlanSource;
  readonly #parts: LimiterParts;
  readonly #decider: Decider;
  /** Puts other limits in force; `undefined` where that is not this limiter's to do. */
  readonly #change: ((changes: LimiterChanges) => void) | undefined;

  constructor(source: PlanSource, parts: LimiterParts, change?: (changes: LimiterChanges) => void) {
    this.#source = source;
    this.#parts = parts;
    this.#decider = new Decider(source, parts.access, parts.reporter, parts.waiting);
    this.#change = change;
  }

  get name(): string {
    return this.#parts.settings.name;
  }

  get enabled(): boolean {
    return this.#parts.settings.enabled;
  }

  get limits(): Plan["limits"] {
    return this.#source().limits;
  }

  get metered(): Metered {
    const { types, oneOfMany } = this.#source();
    const { pastTypes } = this.#parts;
    return { types: pastTypes.size === 0 ? types : new Set([...types, ...pastTypes]), oneOfMany };
  }

  get synchronous(): boolean {
    return this.#parts.access.store.synchronous;
  }

  get llm(): LlmMeter {
    return this.#parts.llm;
  }

  get waiting(): WaitingStats {
    return this.#parts.waiting.room.stats();
  }

  readonly forSubject = (): Limiter<"async"> => this;

  readonly check = (subject: Subject, cost?: Cost): MaybePromise<Decision> =>
    this.#unasked(subject) ?? this.#decider.decide(this.#decider.ask("check", subject, cost));

  readonly checkAndRecord = (subject: Subject, cost?: Cost): MaybePromise<Decision> =>
    this.#aside(subject, cost) ?? this.#decider.decide(this.#decider.ask("take", subject, cost));

  readonly reserve = (
    subject: Subject,
    cost?: Cost,
    options: ReserveOptions = {},
  ): MaybePromise<Decision> => {
    const { id, leaseMs = this.#parts.settings.leaseMs } = options;
    checkLease(leaseMs);
    if (id !== undefined) checkId("id", id);
    const hold = id === undefined ? { leaseMs } : { id, leaseMs };
    return (
      this.#aside(subject, cost) ?? this.#decider.decide(this.#decider.reserve(subject, cost, hold))
    );
  };

  readonly acquire = async (
    subject: Subject,
    cost?: Cost,
    options: AcquireOptions = {},
  ): Promise<Decision> => {
    const { settings, waiting, reporter } = this.#parts;
    const { reserve, slowDown, priority, signal, maxWaitMs, hold } = checkAcquire(
      options,
      settings,
    );
    const aside = this.#aside(subject, cost);
    if (aside !== undefined) return aside;
    const decider = this.#decider;
    const call = {
      batch: () =>
        reserve ? decider.reserve(subject, cost, hold) : decider.ask("take", subject, cost),
      look: () => decider.ask("check", subject, cost),
      subject: queueOf(subject),
      priority,
      maxWaitMs,
      signal,
      slowDown,
      release: this.release,
      // A limiter that is closed ends the pause, and leaves the reservation to who gets the answer.
      track: (reservationId: string) => this.track({ reservationId, end: () => undefined }),
    };
    return acquire(call, decider, waiting, reporter, settings.waiting.scheduler);
  };

  readonly record = (subject: Subject, cost: Cost): MaybePromise<readonly Usage[]> => {
    if (!this.enabled) return [];
    return next(this.#decider.decide(this.#decider.ask("force", subject, cost)), usagesOf);
  };

  readonly adjust = (subject: Subject, cost: Cost): MaybePromise<readonly Usage[]> => {
    if (!this.enabled) return [];
    const batch = this.#decider.adjust(subject, cost);
    return next(this.#decider.decide(batch), ({ usages }) => {
      // Some of it may have been given back.
      this.#parts.waiting.room.freed(cellsOf(batch));
      return usages;
    });
  };

  readonly block = (subject: Subject, { durationMs, scopes }: BlockOptions): MaybePromise<void> => {
    checkIntegerArgument("durationMs", durationMs, 1, MAX_WINDOW_MS);
    return this.#block(subject, scopes, durationMs);
  };

  readonly unblock = (subject: Subject, { scopes }: ResetOptions = {}): MaybePromise<void> =>
    this.#block(subject, scopes, 0);

  readonly usage = (subject: Subject): MaybePromise<readonly Usage[]> => {
    if (!this.enabled) return [];
    return next(this.#decider.decide(this.#decider.look(subject)), usagesOf);
  };

  readonly reservations = (subject: Subject): MaybePromise<readonly HeldReservation[]> => {
    if (!this.enabled) return [];
    checkSubject(subject);
    const plan = this.#source();
    const ids = plan.scopes.map(({ scope }) =>
      scope === "global" ? "" : (idFor(subject, scope) ?? ""),
    );
    const address = { plan, ids, tenant: tenantOf(subject) };
    return next(
      this.#parts.access.ask("reservations", (store) => store.reservations(address)),
      (open) =>
        open
          .map(({ token, ...numbers }) => ({ id: token, ...numbers }))
          .toSorted((a, b) => a.takenAtMs - b.takenAtMs),
    );
  };

  readonly settle = (
    reservationId: string,
    cost: Cost,
    { source = "measured" }: SettleOptions = {},
  ): MaybePromise<SettlementOutcome> => {
    if (this.enabled) checkCost(this.metered, cost);
    return this.#end(reservationId, cost, source);
  };

  readonly release = (reservationId: string): MaybePromise<SettlementOutcome> =>
    this.#end(reservationId, undefined, "none");

  readonly meter = async <Body, T>(
    subject: Subject,
    body: Body,
    call: MeterCallback<Body, T>,
    options?: MeterOptions,
  ): Promise<T> => meterCall(this, subject, body, call, options);

  readonly track = (call: OpenCall): (() => void) => this.#parts.calls.add(call);

  readonly renew = (
    reservationId: string,
    leaseMs: number = this.#parts.settings.leaseMs,
  ): MaybePromise<boolean> => {
    checkId("reservationId", reservationId);
    checkLease(leaseMs);
    return this.#parts.access.ask("renew", (store) => store.renew(reservationId, leaseMs));
  };

  readonly reset = (subject: Subject, { scopes }: ResetOptions = {}): MaybePromise<void> => {
    const plan = this.#source();
    const chosen = scopesOf(plan, scopes);
    const ids = plan.scopes.map(({ scope }) =>
      chosen.has(scope) ? (idFor(subject, scope) ?? "") : "",
    );
    const address = { plan, ids, tenant: tenantOf(subject) };
    const { access, waiting } = this.#parts;
    return next(
      access.ask("forget", (store) => store.forget(address)),
      () => {
        waiting.room.freed(cellsOf(address));
      },
    );
  };

  readonly resetExpired = (beforeMs: number = Number.MAX_SAFE_INTEGER): MaybePromise<number> => {
    if (!Number.isSafeInteger(beforeMs)) {
      throw invalidArgument("beforeMs", "epoch milliseconds", beforeMs);
    }
    return this.#parts.access.ask("sweep", (store) => store.sweep(beforeMs));
  };

  readonly override = (overrides: LimitOverrides): Limiter<"async"> =>
    new StoreLimiter(
      overriddenPlan(this.#source, overrides, this.#parts.settings.scope),
      this.#parts,
    );

  readonly reconfigure = (changes: LimiterChanges): void => {
    if (this.#change === undefined) {
      throw invalidArgument("reconfigure", "the limiter itself, not one made by override", changes);
    }
    const { types } = this.#source();
    this.#change(changes);
    for (const type of types) this.#parts.pastTypes.add(type);
    // Who waits may fit by now.
    this.#parts.waiting.room.freed();
    this.#parts.reporter.tell({ type: "reconfigured", limiter: this.name });
  };

  /** Limits that are not looked up are not remembered either. */
  readonly forgetLimits = (): void => undefined;

  readonly listed = (subject: Subject, address?: string, cost?: Cost): Decision | undefined => {
    const decision = this.#onList(subject, address);
    if (decision?.allowed === false) {
      const { reporter } = this.#parts;
      reporter.tell({ type: decision.outcome, limiter: this.name, decision, cost: cost ?? {} });
    }
    return decision;
  };

  readonly subscribe = (listener: Listener): (() => void) => {
    if (typeof listener !== "function") throw invalidArgument("listener", "a function", listener);
    return this.#parts.reporter.announcer.add(listener);
  };

  readonly close = (options?: CloseOptions): MaybePromise<void> => this.#parts.close(options);

  #onList(subject: Subject, address?: string): Decision | undefined {
    const { lists } = this.#parts.settings;
    return lists.inUse ? lists.decide(subject, systemClock(), address) : undefined;
  }

  /** The answer where no limit is asked: to who is on a list, and everybody when switched off. */
  #unasked(subject: Subject): Decision | undefined {
    return this.enabled ? this.#onList(subject) : unlimited(systemClock());
  }

  /** The same, told to the listeners where it is a denial. */
  #aside(subject: Subject, cost?: Cost): Decision | undefined {
    return this.enabled ? this.listed(subject, undefined, cost) : unlimited(systemClock());
  }

  #block(
    subject: Subject,
    scopes: readonly string[] | undefined,
    forMs: number,
  ): MaybePromise<void> {
    if (!this.enabled) return undefined;
    const batch = this.#decider.block(subject, scopesOf(this.#source(), scopes), forMs);
    return next(this.#decider.decide(batch), () => {
      if (forMs === 0) this.#parts.waiting.room.freed(cellsOf(batch));
    });
  }

  #end(
    reservationId: string,
    cost: Cost | undefined,
    source: UsageSource,
  ): MaybePromise<SettlementOutcome> {
    checkId("reservationId", reservationId);
    const { access, reporter, waiting } = this.#parts;
    return next(
      access.ask("settle", (store) => store.settle({ token: reservationId, cost })),
      (reply) => {
        reporter.settled(reservationId, reply, source);
        waiting.ended(reservationId);
        const { outcome, applied, held, cost: booked } = reply;
        return { outcome, applied, held, cost: booked };
      },
    );
  }
}

const usagesOf = ({ usages }: Decision): readonly Usage[] => usages;

/** The scopes a change concerns: those named, or all. Everybody's usage is changed by name or not at all. */
function scopesOf(plan: Plan, scopes: readonly string[] | undefined): ReadonlySet<string> {
  const known = new Set(plan.scopes.map(({ scope }) => scope));
  if (scopes === undefined) {
    known.delete("global");
    return known;
  }
  for (const scope of scopes) {
    if (!known.has(scope))
      throw invalidArgument("scopes", `some of ${[...known].join(", ")}`, scope);
  }
  return new Set(scopes);
}
