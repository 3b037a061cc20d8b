import { CELL_SIZE } from "./algorithms/cell.ts";
import { forgivenOf, NOT_APPLIED } from "./algorithms/kernel.ts";
import { systemClock } from "./clock.ts";
import { amountsOf, checkCost, type Cost } from "./cost.ts";
import { type Decision, type LoneBatch, StoreDecision, unlimited, type Usage } from "./decision.ts";
import { describeValue, TollgateError } from "./errors.ts";
import type { Announcer, Listener, StoreFailureEvent } from "./events.ts";
import type {
  CloseOptions,
  Limiter,
  ReserveOptions,
  ResetOptions,
  SettlementOutcome,
  SettleOptions,
} from "./limiter.ts";
import { meterCall, type MeterCallback, type MeterOptions } from "./llm/in-process.ts";
import type { LlmMeter } from "./llm/meter.ts";
import type { UsageSource } from "./llm/tokens.ts";
import { isPromise, next } from "./maybe-promise.ts";
import type { OpenCall, OpenCalls } from "./open-calls.ts";
import { type LimitOverrides, overrideLimits } from "./override.ts";
import { compilePlan, type Plan } from "./plan.ts";
import { DEFAULT_LEASE_MS, MAX_LEASE_MS, reservationToken } from "./reservation.ts";
import type {
  BatchReply,
  MaybePromise,
  Operation,
  OperationReply,
  SettlementReply,
  Store,
} from "./store.ts";
import { idFor, resolveIds, type Subject, tenantOf } from "./subject.ts";

/** What a limiter and its overrides have in common. */
export interface SharedParts {
  readonly store: Store;
  readonly announcer: Announcer;
  readonly enabled: boolean;
  /** The scope of limits that name none. */
  readonly scope: string;
  readonly calls: OpenCalls;
  readonly llm: LlmMeter;
  readonly end: () => MaybePromise<void>;
  /** No more decisions. */
  closing: MaybePromise<void> | false;
  /** No more questions to the store. */
  closed: boolean;
}

/** How long `close` waits for settlements unless told otherwise. */
const CLOSE_TIMEOUT_MS = 5000;

const invalidArgument = (path: string, expected: string, value: unknown): TollgateError =>
  new TollgateError(
    "INVALID_ARGUMENT",
    `${path}: expected ${expected}, got ${describeValue(value)}`,
    { path },
  );

function checkLease(leaseMs: number): void {
  if (!Number.isInteger(leaseMs) || leaseMs < 1 || leaseMs > MAX_LEASE_MS) {
    throw invalidArgument("leaseMs", `an integer from 1 to ${String(MAX_LEASE_MS)}`, leaseMs);
  }
}

function checkId(path: string, id: unknown): void {
  if (typeof id !== "string" || id === "") throw invalidArgument(path, "a non-empty string", id);
}

/** Why a reply is no decision. */
const noDecision = (reply: OperationReply | undefined): TollgateError =>
  reply === undefined
    ? new TollgateError("STORE_FAILED", "the store answered a batch without a reply")
    : new TollgateError(
        "RESERVATION_CONFLICT",
        "id: expected the cost this reservation id is on record for, got another",
        { path: "id" },
      );

/** What is held for a reservation, by type. */
function costOf(plan: Plan, amounts: readonly number[]): Cost {
  const entries = plan.limits.map(({ type }, index) => [type, amounts[index] ?? 0] as const);
  return Object.fromEntries(entries.filter(([, amount]) => amount !== NOT_APPLIED));
}

/** Waits for `ending`, but not for ever: a store that hangs must not keep a service from stopping. */
function within(timeoutMs: number, ending: MaybePromise<void>): MaybePromise<void> {
  if (!isPromise(ending)) return undefined;
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, timeoutMs);
  });
  return Promise.race([ending, late]).finally(() => {
    clearTimeout(timer);
  });
}

/** A limiter over any store: checks and translates arguments, asks, and tells the listeners. */
export class StoreLimiter implements Limiter<"async"> {
  readonly #plan: Plan;
  readonly #parts: SharedParts;

  constructor(plan: Plan, parts: SharedParts) {
    this.#plan = plan;
    this.#parts = parts;
  }

  get name(): string {
    return this.#plan.limiter;
  }

  get enabled(): boolean {
    return this.#parts.enabled;
  }

  get limits(): Plan["limits"] {
    return this.#plan.limits;
  }

  get synchronous(): boolean {
    return this.#parts.store.synchronous;
  }

  get llm(): LlmMeter {
    return this.#parts.llm;
  }

  readonly check = (subject: Subject, cost?: Cost): MaybePromise<Decision> =>
    this.#decide("check", subject, cost);

  readonly checkAndRecord = (subject: Subject, cost?: Cost): MaybePromise<Decision> =>
    this.#decide("take", subject, cost);

  readonly reserve = (
    subject: Subject,
    cost?: Cost,
    options: ReserveOptions = {},
  ): MaybePromise<Decision> => {
    checkLease(options.leaseMs ?? DEFAULT_LEASE_MS);
    if (options.id !== undefined) checkId("id", options.id);
    return this.#decide("reserve", subject, cost, options);
  };

  readonly record = (subject: Subject, cost: Cost): MaybePromise<readonly Usage[]> =>
    next(this.#decide("force", subject, cost), ({ usages }) => usages);

  readonly usage = (subject: Subject): MaybePromise<readonly Usage[]> =>
    next(this.#decide("check", subject, {}), ({ usages }) => usages);

  readonly settle = (
    reservationId: string,
    cost: Cost,
    { source = "measured" }: SettleOptions = {},
  ): MaybePromise<SettlementOutcome> => {
    if (this.#parts.enabled) checkCost(this.#plan, cost);
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
    leaseMs: number = DEFAULT_LEASE_MS,
  ): MaybePromise<boolean> => {
    checkId("reservationId", reservationId);
    checkLease(leaseMs);
    return this.#ask("renew", (store) => store.renew(reservationId, leaseMs));
  };

  readonly reset = (subject: Subject, { scopes }: ResetOptions = {}): MaybePromise<void> => {
    const known = new Set(this.#plan.scopes.map(({ scope }) => scope));
    for (const scope of scopes ?? []) {
      if (!known.has(scope))
        throw invalidArgument("scopes", `some of ${[...known].join(", ")}`, scope);
    }
    const chosen = new Set(scopes ?? known);
    // Everybody's usage is not part of one subject: it is reset by name or not at all.
    if (scopes === undefined) chosen.delete("global");
    const ids = this.#plan.scopes.map(({ scope }) =>
      chosen.has(scope) ? (idFor(subject, scope) ?? "") : "",
    );
    const address = { plan: this.#plan, ids, tenant: tenantOf(subject) };
    return this.#ask("forget", (store) => store.forget(address));
  };

  readonly resetExpired = (beforeMs: number = Number.MAX_SAFE_INTEGER): MaybePromise<number> => {
    if (!Number.isSafeInteger(beforeMs)) {
      throw invalidArgument("beforeMs", "epoch milliseconds", beforeMs);
    }
    return this.#ask("sweep", (store) => store.sweep(beforeMs));
  };

  readonly override = (overrides: LimitOverrides): Limiter<"async"> => {
    const limits = overrideLimits(this.#plan.limits, overrides, this.#parts.scope);
    return new StoreLimiter(compilePlan(this.#plan.limiter, limits), this.#parts);
  };

  readonly subscribe = (listener: Listener): (() => void) => {
    if (typeof listener !== "function") throw invalidArgument("listener", "a function", listener);
    return this.#parts.announcer.add(listener);
  };

  readonly close = ({ timeoutMs = CLOSE_TIMEOUT_MS }: CloseOptions = {}): MaybePromise<void> => {
    if (!Number.isInteger(timeoutMs) || timeoutMs < 0 || timeoutMs > MAX_LEASE_MS) {
      throw invalidArgument("timeoutMs", `an integer from 0 to ${String(MAX_LEASE_MS)}`, timeoutMs);
    }
    const parts = this.#parts;
    if (parts.closing !== false) return parts.closing;
    // What runs is settled first, while the store can still be asked; new calls are turned away.
    parts.closing = undefined;
    parts.closing = next(within(timeoutMs, parts.calls.endAll()), () => {
      parts.closed = true;
      return parts.end();
    });
    return parts.closing;
  };

  #decide(
    mode: Operation["mode"],
    subject: Subject,
    cost: Cost | undefined,
    reserve?: ReserveOptions,
  ): MaybePromise<Decision> {
    if (!this.#parts.enabled) return unlimited(systemClock());
    const plan = this.#plan;
    const amounts = amountsOf(plan, subject, cost);
    const ids = resolveIds(plan, subject, amounts);
    const tenant = plan.nested ? tenantOf(subject) : undefined;
    const operations: readonly [Operation] =
      mode === "take" && amounts === plan.standardAmounts
        ? plan.standardTake
        : [mode === "reserve" ? this.#reserve(subject, amounts, reserve) : { mode, amounts }];
    const batch = { plan, ids, tenant, operations };
    if (this.#parts.closing !== false) throw this.#closed();
    let answer: MaybePromise<BatchReply>;
    try {
      answer = this.#parts.store.apply(batch);
    } catch (error) {
      return this.#fail(mode, error);
    }
    return isPromise(answer) ? this.#concludeLater(batch, answer) : this.#conclude(batch, answer);
  }

  #concludeLater(batch: LoneBatch, answer: Promise<BatchReply>): Promise<Decision> {
    return answer.then(
      (replies) => this.#conclude(batch, replies),
      (error: unknown) => this.#fail(batch.operations[0].mode, error),
    );
  }

  #reserve(
    subject: Subject,
    amounts: readonly number[],
    { id, leaseMs = DEFAULT_LEASE_MS }: ReserveOptions = {},
  ): Operation {
    const plan = this.#plan;
    const token = reservationToken(plan, subject, id);
    return { mode: "reserve", amounts, cost: costOf(plan, amounts), token, leaseMs };
  }

  #conclude(batch: LoneBatch, replies: BatchReply): Decision {
    // By its index, since taking an array apart runs an iterator.
    const reply = replies[0];
    if (reply === undefined || reply.outcome === "conflict") throw noDecision(reply);
    const decision = new StoreDecision(batch, reply);
    if (this.#parts.announcer.heard) this.#announce(batch.operations[0], reply, decision);
    return decision;
  }

  #announce({ mode, amounts }: Operation, { cells }: OperationReply, decision: Decision): void {
    const { announcer } = this.#parts;
    const limiter = this.#plan.limiter;
    if (mode === "check") return;
    const cost = costOf(this.#plan, amounts);
    if (mode !== "force") {
      announcer.tell({ type: decision.outcome, limiter, decision, cost });
      return;
    }
    announcer.tell({ type: "recorded", limiter, cost, usages: decision.usages });
    for (const [index, limit] of this.#plan.limits.entries()) {
      const amount = forgivenOf(cells, index * CELL_SIZE, limit, Math.max(0, amounts[index] ?? 0));
      if (amount > 0) announcer.tell({ type: "forgiven", limiter, limit: limit.name, amount });
    }
  }

  #end(
    reservationId: string,
    cost: Cost | undefined,
    source: UsageSource,
  ): MaybePromise<SettlementOutcome> {
    checkId("reservationId", reservationId);
    return next(
      this.#ask("settle", (store) => store.settle({ token: reservationId, cost })),
      (reply) => this.#concludeEnd(reservationId, reply, source),
    );
  }

  #concludeEnd(
    reservationId: string,
    { outcome, applied, held, cost, forgiven }: SettlementReply,
    source: UsageSource,
  ): SettlementOutcome {
    const { announcer } = this.#parts;
    const limiter = this.#plan.limiter;
    if (applied && outcome !== "unknown") {
      announcer.tell({ type: outcome, limiter, reservationId, held, cost, source });
      for (const debt of forgiven) announcer.tell({ type: "forgiven", limiter, ...debt });
    }
    return { outcome, applied, held, cost };
  }

  /** Asks the store; a failure is told to the listeners and passed on as one kind of error. */
  #ask<T>(
    operation: StoreFailureEvent["operation"],
    question: (store: Store) => MaybePromise<T>,
  ): MaybePromise<T> {
    if (this.#parts.closed) throw this.#closed();
    try {
      const answer = question(this.#parts.store);
      if (!isPromise(answer)) return answer;
      return answer.catch((error: unknown) => this.#fail(operation, error));
    } catch (error) {
      return this.#fail(operation, error);
    }
  }

  #closed(): TollgateError {
    return new TollgateError("LIMITER_CLOSED", `limiter "${this.#plan.limiter}" has been closed`);
  }

  #fail(operation: StoreFailureEvent["operation"], error: unknown): never {
    this.#parts.announcer.tell({
      type: "storeFailure",
      limiter: this.#plan.limiter,
      operation,
      error,
    });
    throw new TollgateError("STORE_FAILED", `the store failed to ${operation}`, { cause: error });
  }
}
