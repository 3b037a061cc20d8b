import { CELL_SIZE } from "./algorithms/cell.ts";
import { forgivenOf, holdsSince, NOT_APPLIED, settle } from "./algorithms/kernel.ts";
import {
  EXPIRES,
  GENERATION,
  HELD_SINCE,
  LEASE_END,
  newRecord,
  noteCharge,
  noteRefund,
  noteSettled,
  openCell,
  type ScopeRecord,
  WRITTEN,
} from "./algorithms/record.ts";
import { takeSlots, vacateSlots } from "./algorithms/slots.ts";
import type { Cost } from "./cost.ts";
import type { Records } from "./evaluate.ts";
import type { Plan, PlanScope } from "./policy/plan.ts";
import { GRACE_MS } from "./reservation.ts";
import type { Forgiven, Operation, OperationReply } from "./store.ts";

/**
 * What reservations hold, from when it is charged to when it is settled: for the same stores as
 * `evaluate.ts`.
 */

/** What a reserve charged, as it must be remembered to be settled. */
export interface Hold {
  readonly plan: Plan;
  /** For each limit. */
  readonly amounts: readonly number[];
  /** By type. */
  readonly cost: Cost;
  readonly takenAtMs: number;
  /** For each limit: the y of its cell, which names the window. */
  readonly startsMs: readonly number[];
  /** For each scope. */
  readonly generations: readonly number[];
}

/** Puts on paper what `decide` has just charged for a reservation. */
export function holdOf(
  plan: Plan,
  records: Readonly<Records>,
  { amounts, cost }: Operation & { mode: "reserve" },
  { cells }: OperationReply,
  nowMs: number,
): Hold {
  return {
    plan,
    amounts,
    cost,
    takenAtMs: nowMs,
    startsMs: plan.limits.map((_, index) => cells[index * CELL_SIZE + 1] ?? 0),
    generations: plan.scopes.map((_, s) => records[s]?.[GENERATION] ?? 0),
  };
}

/** Whether slots of the hold were in a record that is gone: by some clock their lease has ended. */
export const hasLostSlots = ({ plan, amounts }: Hold, records: Readonly<Records>): boolean =>
  plan.scopes.some(
    ({ limits, first }, s) =>
      records[s] === undefined &&
      limits.some(({ algorithm }, i) => algorithm === "slots" && (amounts[first + i] ?? 0) > 0),
  );

/**
 * Moves the end of a hold's lease, whose slots are kept until then. Updates `records` in place.
 * @param toMs not before `fromMs`
 */
export function extendHold(
  hold: Hold,
  records: Readonly<Records>,
  fromMs: number,
  toMs: number,
  nowMs: number,
): void {
  for (const [s, { limits, first }] of hold.plan.scopes.entries()) {
    const record = records[s];
    if (record === undefined) continue;
    record[LEASE_END] = Math.max(record[LEASE_END] ?? 0, toMs);
    // The mark of a reset has to outlive whatever could still be settled from before it.
    if (record[GENERATION] !== 0) {
      record[EXPIRES] = Math.max(record[EXPIRES] ?? 0, toMs + GRACE_MS);
    }
    if (!isSameGeneration(record, hold.generations[s] ?? 0)) continue;
    for (const [i, limit] of limits.entries()) {
      const taken = hold.amounts[first + i] ?? 0;
      if (limit.algorithm !== "slots" || taken <= 0) continue;
      const at = openCell(record, limit, i, nowMs);
      vacateSlots(record, at, limit, nowMs, taken, fromMs);
      takeSlots(record, at, limit, nowMs, taken, toMs);
      noteCharge(record, at, limit, nowMs);
      // Other slots were freed at this time, so that the record must not go back before it.
      record[WRITTEN] = nowMs;
    }
  }
}

// Without a mark no reservation from before a reset is left.
function isSameGeneration(record: ScopeRecord, generation: number): boolean {
  const resetMark = record[GENERATION] ?? 0;
  return resetMark === 0 || resetMark === generation;
}

/**
 * Replaces a hold by its real cost, in the windows it was charged in. Updates `records` in place,
 * and makes one only where an overrun needs it.
 */
export function settleHold(
  hold: Hold,
  records: Records,
  cost: Cost,
  leaseEndsAtMs: number,
  nowMs: number,
): readonly Forgiven[] {
  const forgiven: Forgiven[] = [];
  for (const [s, scope] of hold.plan.scopes.entries()) {
    const overruns = scope.limits.some(
      ({ type }, i) => (cost[type] ?? 0) > Math.max(0, hold.amounts[scope.first + i] ?? 0),
    );
    const record = records[s] ?? (overruns ? newRecord(nowMs, scope.limits) : undefined);
    if (record === undefined) continue;
    records[s] = record;
    settleScope(
      hold,
      scope,
      record,
      hold.generations[s] ?? 0,
      cost,
      leaseEndsAtMs,
      nowMs,
      forgiven,
    );
  }
  return forgiven;
}

function settleScope(
  hold: Hold,
  { limits, first }: PlanScope,
  record: ScopeRecord,
  generation: number,
  cost: Cost,
  leaseEndsAtMs: number,
  nowMs: number,
  forgiven: Forgiven[],
): void {
  const sameGeneration = isSameGeneration(record, generation);
  // A hold from before the others were counted anew is no longer in the count.
  const counted =
    sameGeneration &&
    nowMs < (record[LEASE_END] ?? 0) &&
    hold.takenAtMs >= (record[HELD_SINCE] ?? 0);
  for (const [i, limit] of limits.entries()) {
    const index = first + i;
    const held = hold.amounts[index] ?? NOT_APPLIED;
    if (held === NOT_APPLIED) continue;
    const startMs = hold.startsMs[index] ?? 0;
    const at = openCell(record, limit, i, nowMs);
    if (limit.algorithm === "slots") {
      if (sameGeneration) vacateSlots(record, at, limit, nowMs, held, leaseEndsAtMs);
      continue;
    }
    if (counted && holdsSince(record, at, limit, startMs))
      record[at + 3] = Math.max(0, (record[at + 3] ?? 0) - held);
    const delta = (cost[limit.type] ?? held) - held;
    if (delta === 0 || (delta < 0 && !sameGeneration)) continue;
    settle(record, at, limit, nowMs, delta, startMs);
    noteCharge(record, at, limit, nowMs);
    const amount = forgivenOf(record, at, limit, delta);
    if (amount > 0 && !limit.shadow) forgiven.push({ limit: limit.name, amount });
  }
  noteRefund(record, limits, nowMs);
  noteSettled(record, nowMs);
  record[WRITTEN] = nowMs;
}
