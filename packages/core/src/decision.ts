import { CELL_SIZE } from "./algorithms/cell.ts";
import { emptyAtMs, NEVER_FITS, NOT_APPLIED, SUSPENDED, usedOf } from "./algorithms/kernel.ts";
import type { LimitPlace } from "./plan.ts";
import type { Limit } from "./policy.ts";
import type { Reservation } from "./reservation.ts";
import type { Address, Operation, OperationReply } from "./store.ts";

/** How one limit stands for one subject. */
export interface Usage {
  /** The limit's name. */
  readonly limit: string;
  readonly type: string;
  readonly scope: string;
  /** The id whose usage this is, as stores keep it: ids above 64 bytes by their hash. */
  readonly id: string;
  /** As configured; `undefined` for a token bucket. */
  readonly window: string | undefined;
  /** Units in force, held ones included; above `max` when there is debt. */
  readonly current: number;
  /** Units per window, or the bucket's capacity. */
  readonly max: number;
  /** What could be spent now; never negative. */
  readonly remaining: number;
  /** `current` of `max` in percent, unrounded; above 100 when there is debt. */
  readonly percentage: number;
  /** The part of `current` that open reservations hold. */
  readonly held: number;
  /** How far `current` is above `max`. */
  readonly debt: number;
  /** When `current` is 0 again if nobody spends, in epoch ms; now when it is. */
  readonly resetsAtMs: number;
}

/** Why one limit refused. */
export interface Refusal {
  /** The limit's name. */
  readonly limit: string;
  readonly type: string;
  /** What the call would have cost here. */
  readonly requested: number;
  /** What is left. */
  readonly remaining: number;
  /** The largest cost this limit could ever admit. */
  readonly max: number;
  /** How long until the cost fits here; `undefined` when waiting does not help. */
  readonly retryAfterMs: number | undefined;
}

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
  /** For how long no more than `remaining` should be spent. */
  readonly effectiveWindowMs: number;
}

/** What a decision answers: one operation. */
export interface LoneBatch extends Address {
  readonly operations: readonly [Operation];
}

const seconds = (ms: number): string => `${String(Math.ceil(ms / 100) / 10)} s`;

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

  get retryAfterMs(): number | undefined {
    const waitsMs = this.#reply.waitsMs ?? [];
    // Where one limit will not be helped by waiting, the waits of the others mean nothing.
    return waitsMs.length === 0 || waitsMs.some((waitMs) => waitMs < 0)
      ? undefined
      : Math.max(...waitsMs);
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
    return this.states.flatMap(({ refusal }) => (refusal === undefined ? [] : [refusal]));
  }

  get refusedBy(): readonly string[] {
    return this.refusals.map(({ limit }) => limit);
  }

  get reason(): string | undefined {
    return this.allowed ? undefined : reasonOf(this.refusals);
  }

  /** Everything, so that a logged decision says what it knows. */
  toJSON(): Decision {
    const { outcome, allowed, reason, usages, refusedBy, refusals, retryAfterMs } = this;
    const { reservation, decidedAtMs } = this;
    return {
      outcome,
      allowed,
      reason,
      usages,
      refusedBy,
      refusals,
      retryAfterMs,
      reservation,
      decidedAtMs,
    };
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

/** Reads one cell. */
function usageOf(
  limit: Limit,
  cells: readonly number[],
  at: number,
  id: string,
  nowMs: number,
): Usage {
  const current = usedOf(cells, at, limit);
  return {
    limit: limit.name,
    type: limit.type,
    scope: limit.scope,
    id,
    window: limit.window,
    current,
    max: limit.max,
    remaining: Math.max(0, limit.max - current),
    percentage: (current / limit.max) * 100,
    // A bucket refills while reservations hold what they took out of it.
    held: Math.min(current, cells[at + 3] ?? 0),
    debt: Math.max(0, current - limit.max),
    resetsAtMs: Math.max(nowMs, emptyAtMs(cells, at, limit)),
  };
}

const refusalOf = (limit: Limit, usage: Usage, requested: number, waitMs: number): Refusal => ({
  limit: limit.name,
  type: limit.type,
  requested,
  remaining: usage.remaining,
  max: limit.max,
  retryAfterMs: waitMs === NEVER_FITS || waitMs === SUSPENDED ? undefined : waitMs,
});

/**
 * What `t` of the `RateLimit` field says: the time for which `remaining` is all there is
 * (draft-ietf-httpapi-ratelimit-headers-11 §4.1.2). A window not opened yet would last its full
 * length; a bucket gives its tokens at its own rate, or its next one when it has none.
 */
function effectiveWindowMs(limit: Limit, usage: Usage, nowMs: number): number {
  if (limit.algorithm === "fixed-window") {
    return usage.current === 0 ? limit.windowMs : usage.resetsAtMs - nowMs;
  }
  const units = usage.remaining > 0 ? usage.remaining : 1 + usage.debt;
  return Math.ceil((units * limit.scale) / limit.refill);
}

/** The refusal that decides: one that no waiting helps, else the one to wait for longest. */
export function decisiveRefusal(refusals: readonly Refusal[]): Refusal | undefined {
  const weight = ({ retryAfterMs }: Refusal): number => retryAfterMs ?? Number.MAX_VALUE;
  const [decisive] = refusals.toSorted((a, b) => weight(b) - weight(a));
  return decisive;
}

function reasonOf(refusals: readonly Refusal[]): string {
  const decisive = decisiveRefusal(refusals);
  if (decisive === undefined) return "refused";
  const { limit, type, requested, remaining, max, retryAfterMs } = decisive;
  if (requested > max) {
    return `limit "${limit}" can never admit ${type} ${String(requested)}: at most ${String(max)}`;
  }
  if (retryAfterMs === undefined) return `limit "${limit}" is suspended`;
  return (
    `limit "${limit}" has ${String(remaining)} of ${String(max)} left and ${type} ` +
    `${String(requested)} was asked; it fits in ${seconds(retryAfterMs)}`
  );
}

/** The answer of a limiter that is switched off. */
export const unlimited = (decidedAtMs: number): Decision => ({
  outcome: "admitted",
  allowed: true,
  reason: undefined,
  usages: [],
  refusedBy: [],
  refusals: [],
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
