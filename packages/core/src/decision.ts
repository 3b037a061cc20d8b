import { CELL_SIZE } from "./algorithms/cell.ts";
import { NOT_APPLIED } from "./algorithms/kernel.ts";
import { byType, type Cost } from "./cost.ts";
import type { Limit } from "./policy/limit.ts";
import type { LimitPlace } from "./policy/plan.ts";
import { type Refusal, reasonOf, refusalOf, seconds } from "./refusal.ts";
import type { Reservation } from "./reservation.ts";
import type { Address, Operation, OperationReply } from "./store.ts";
import { effectiveWindowMs, type Usage, usageOf } from "./usage.ts";

/** The answer to a call. Refused and impossible calls were charged nothing anywhere. */
export interface Decision {
  /** `impossible`: the cost is above a limit's whole capacity, so waiting is no use. */
  readonly outcome: "admitted" | "refused" | "impossible";
  readonly allowed: boolean;
  /** In a sentence, naming the limit that decides; `undefined` when admitted. */
  readonly reason: string | undefined;
  /** All limits that apply to the call, in the order of the configuration, after the decision. */
  readonly usages: readonly Usage[];
  /** The names of the limits that refused. */
  readonly refusedBy: readonly string[];
  /** The same with their numbers. */
  readonly refusals: readonly Refusal[];
  /** What shadow limits would have refused, whether or not the call was admitted. */
  readonly shadowRefusals: readonly Refusal[];
  /** Until when the subject is blocked, in epoch ms, where that is why the call was refused. */
  readonly blockedUntilMs: number | undefined;
  /** The scope by which the subject is on the deny list, where that is why the call was refused. */
  readonly deniedBy: string | undefined;
  /**
   * Refused: the shortest wait after which this cost fits in every limit if nobody else spends.
   * `undefined` when admitted, when impossible, and when a limit is suspended.
   */
  readonly retryAfterMs: number | undefined;
  /** After `reserve`, when admitted. */
  readonly reservation: Reservation | undefined;
  /** The instant of the decision, by the store's clock. */
  readonly decidedAtMs: number;
}

/** One limit of a decision in numbers, for those who speak for it: headers, bodies, reports. */
export interface LimitState {
  readonly limit: Limit;
  readonly usage: Usage;
  /** `undefined` when the limit had room. */
  readonly refusal: Refusal | undefined;
  /** For how long no more than `remaining` should be spent; unknown for slots. */
  readonly effectiveWindowMs: number | undefined;
}

/** What a decision answers: one operation. */
export interface LoneBatch extends Address {
  readonly operations: readonly [Operation];
}

/** What a decision was asked for, or what was charged; signed where it was an adjustment. */
export const costIn = ({ plan, operations: [operation] }: LoneBatch): Cost =>
  byType(plan, operation.amounts, operation.mode === "adjust" ? operation.deltas : undefined);

/**
 * A decision as the store gave it: integers. What people read is computed when they read it, since
 * most decisions are only ever asked whether they admit.
 */
export class StoreDecision implements Decision {
  readonly #batch: LoneBatch;
  readonly #reply: OperationReply;
  #usages: readonly Usage[] | undefined;
  #states: readonly LimitState[] | undefined;

  constructor(batch: LoneBatch, reply: OperationReply) {
    this.#batch = batch;
    this.#reply = reply;
  }

  /** What was asked, for those who report it. */
  get batch(): LoneBatch {
    return this.#batch;
  }

  /** What the store answered. */
  get reply(): OperationReply {
    return this.#reply;
  }

  get outcome(): Decision["outcome"] {
    const { outcome } = this.#reply;
    return outcome === "conflict" ? "refused" : outcome;
  }

  get allowed(): boolean {
    return this.#reply.outcome === "admitted";
  }

  get decidedAtMs(): number {
    return this.#reply.nowMs;
  }

  get blockedUntilMs(): number | undefined {
    const { blockedUntilMs } = this.#reply;
    return blockedUntilMs === 0 ? undefined : blockedUntilMs;
  }

  /** Who is on a list is not decided by limits. */
  get deniedBy(): undefined {
    return undefined;
  }

  get retryAfterMs(): number | undefined {
    if (this.allowed) return undefined;
    const { waitsMs, nowMs, blockedUntilMs } = this.#reply;
    const { limits } = this.#batch.plan;
    let longestMs = Math.max(0, blockedUntilMs - nowMs);
    for (let index = 0; index < limits.length; index += 1) {
      const waitMs = waitsMs?.[index] ?? 0;
      if (limits[index]?.shadow === true) continue;
      // Where one limit will not be helped by waiting, the waits of the others mean nothing.
      if (waitMs < 0) return undefined;
      longestMs = Math.max(longestMs, waitMs);
    }
    return longestMs;
  }

  get reservation(): Reservation | undefined {
    const [operation] = this.#batch.operations;
    if (operation.mode !== "reserve" || !this.allowed) return undefined;
    const { token: id, cost } = operation;
    return { id, cost, leaseEndsAtMs: this.#reply.leaseEndsAtMs };
  }

  get states(): readonly LimitState[] {
    this.#states ??= this.#describe();
    return this.#states;
  }

  get usages(): readonly Usage[] {
    this.#usages ??= this.#readUsages();
    return this.#usages;
  }

  get refusals(): readonly Refusal[] {
    return this.allowed ? [] : this.#refusalsOf(false);
  }

  get shadowRefusals(): readonly Refusal[] {
    return this.#reply.waitsMs === undefined ? [] : this.#refusalsOf(true);
  }

  get refusedBy(): readonly string[] {
    return this.refusals.map(({ limit }) => limit);
  }

  get reason(): string | undefined {
    if (this.allowed) return undefined;
    const { blockedUntilMs, nowMs } = this.#reply;
    const blockedMs = blockedUntilMs - nowMs;
    // Unless something else takes longer, or for ever.
    return blockedMs > 0 && blockedMs === this.retryAfterMs
      ? `the subject is blocked for another ${seconds(blockedMs)}`
      : reasonOf(this.refusals);
  }

  /** Everything, so that a logged decision says what it knows. */
  toJSON(): Decision {
    const { outcome, allowed, reason, usages, refusedBy, refusals, shadowRefusals } = this;
    const { blockedUntilMs, deniedBy, retryAfterMs, reservation, decidedAtMs } = this;
    return {
      outcome,
      allowed,
      reason,
      usages,
      refusedBy,
      refusals,
      shadowRefusals,
      blockedUntilMs,
      deniedBy,
      retryAfterMs,
      reservation,
      decidedAtMs,
    };
  }

  #refusalsOf(shadow: boolean): readonly Refusal[] {
    return this.states.flatMap(({ limit, refusal }) =>
      refusal === undefined || limit.shadow !== shadow ? [] : [refusal],
    );
  }

  // The limits that apply to the call.
  get #places(): readonly LimitPlace[] {
    const { plan, operations } = this.#batch;
    if (!plan.conditional) return plan.places;
    return plan.places.filter(({ index }) => operations[0].amounts[index] !== NOT_APPLIED);
  }

  #readUsages(): readonly Usage[] {
    const { ids } = this.#batch;
    const { cells, nowMs } = this.#reply;
    return this.#places.map(({ limit, index, scope }) =>
      usageOf(limit, cells, index * CELL_SIZE, ids[scope] ?? "", nowMs),
    );
  }

  #describe(): readonly LimitState[] {
    const { waitsMs, nowMs } = this.#reply;
    const { amounts } = this.#batch.operations[0];
    const { usages } = this;
    return this.#places.flatMap(({ limit, index }, n) => {
      const usage = usages[n];
      if (usage === undefined) return [];
      const waitMs = waitsMs?.[index] ?? 0;
      const refusal =
        waitMs === 0 ? undefined : refusalOf(limit, usage, amounts[index] ?? 0, waitMs);
      return [{ limit, usage, refusal, effectiveWindowMs: effectiveWindowMs(limit, usage, nowMs) }];
    });
  }
}

// `console.log` shows what a decision says, which getters alone would hide.
Object.defineProperty(StoreDecision.prototype, Symbol.for("nodejs.util.inspect.custom"), {
  value(this: StoreDecision) {
    return this.toJSON();
  },
});

/** The answer of a limiter that is switched off. */
export const unlimited = (decidedAtMs: number): Decision => ({
  outcome: "admitted",
  allowed: true,
  reason: undefined,
  usages: [],
  refusedBy: [],
  refusals: [],
  shadowRefusals: [],
  blockedUntilMs: undefined,
  deniedBy: undefined,
  retryAfterMs: undefined,
  reservation: undefined,
  decidedAtMs,
});

// By its shape, not by `instanceof`: the limiter may come from another loaded copy of the package.
const hasStates = (decision: Decision): decision is Decision & Pick<StoreDecision, "states"> =>
  "states" in decision;

/** The limits of a decision in numbers; none when it was made without any. */
export const statesOf = (decision: Decision): readonly LimitState[] =>
  hasStates(decision) ? decision.states : [];
