import { CELL_SIZE } from "./algorithms/cell.ts";
import {
  charge,
  forgivenOf,
  NEVER_FITS,
  NOT_APPLIED,
  settle,
  waitFor,
} from "./algorithms/kernel.ts";
import {
  cellAt,
  chargeRoom,
  GENERATION,
  haveRoom,
  HELD_SINCE,
  LEASE_END,
  newRecord,
  noteCharge,
  noteLease,
  noteRefund,
  noteSettled,
  openCell,
  readCell,
  type ScopeRecord,
  UNTOUCHED,
  WRITTEN,
} from "./algorithms/record.ts";
import type { Cost } from "./cost.ts";
import type { Plan, PlanScope } from "./plan.ts";
import type { Forgiven, Operation, OperationReply } from "./store.ts";

/**
 * The decision, for stores that run the rules in this process: memory, and every engine that can
 * lock its records, hand them over and write them back. The caller has locked; nothing here waits.
 */

/** The records of one decision, in the order of `plan.scopes`; `undefined` where there is none. */
export type Records = (ScopeRecord | undefined)[];

/** The answer as the records stood: their cells are read when somebody wants to know them. */
class RecordReply implements OperationReply {
  readonly outcome: OperationReply["outcome"];
  readonly waitsMs: readonly number[] | undefined;
  readonly leaseEndsAtMs: number;
  readonly nowMs: number;
  readonly #plan: Plan;
  readonly #records: Readonly<Records>;

  constructor(
    outcome: OperationReply["outcome"],
    waitsMs: readonly number[] | undefined,
    leaseEndsAtMs: number,
    plan: Plan,
    records: Readonly<Records>,
    nowMs: number,
  ) {
    this.outcome = outcome;
    this.waitsMs = waitsMs;
    this.leaseEndsAtMs = leaseEndsAtMs;
    this.nowMs = nowMs;
    this.#plan = plan;
    this.#records = records;
  }

  get cells(): readonly number[] {
    const cells: number[] = [];
    for (const [s, { first, limits }] of this.#plan.scopes.entries()) {
      for (const [i, limit] of limits.entries()) {
        readCell(this.#records[s], limit, i, this.nowMs, cells, (first + i) * CELL_SIZE);
      }
    }
    return cells;
  }
}

// The records go on changing; a reply keeps them as they are now.
const copies = (records: Readonly<Records>): Records => records.map((record) => record?.slice());

// Whether the call can be charged without asking limit by limit; see `haveRoom`.
function allHaveRoom(
  plan: Plan,
  records: Readonly<Records>,
  amounts: readonly number[],
  nowMs: number,
): boolean {
  if (plan.conditional) return false;
  for (let s = 0; s < records.length; s += 1) {
    const scope = plan.scopes[s];
    const record = records[s];
    if (scope === undefined || record === undefined) return false;
    if (!haveRoom(record, scope.numbers, amounts, scope.first, nowMs)) return false;
  }
  return true;
}

function takeRoom(
  plan: Plan,
  records: Readonly<Records>,
  amounts: readonly number[],
  nowMs: number,
  cells: number[],
): void {
  for (let s = 0; s < records.length; s += 1) {
    const scope = plan.scopes[s];
    const record = records[s];
    if (scope === undefined || record === undefined) continue;
    chargeRoom(record, amounts, scope.first, scope.limits.length, nowMs, cells);
  }
}

/** The wait of every limit, or `undefined` when all have room. Changes nothing. */
function judge(
  plan: Plan,
  records: Readonly<Records>,
  amounts: readonly number[],
  nowMs: number,
): number[] | undefined {
  let waitsMs: number[] | undefined;
  for (let s = 0; s < plan.scopes.length; s += 1) {
    const { limits = [], first = 0 } = plan.scopes[s] ?? {};
    const record = records[s];
    for (let i = 0; i < limits.length; i += 1) {
      const limit = limits[i];
      const amount = amounts[first + i] ?? 0;
      if (limit === undefined || amount === NOT_APPLIED) continue;
      const at = record === undefined ? -1 : cellAt(record, limit.identity, i);
      const waitMs =
        record === undefined || at < 0
          ? waitFor(UNTOUCHED, 0, limit, nowMs, amount)
          : waitFor(record, at, limit, nowMs, amount);
      if (waitMs === 0) continue;
      waitsMs ??= plan.limits.map(() => 0);
      waitsMs[first + i] = waitMs;
    }
  }
  return waitsMs;
}

/**
 * Decides a `take` on the one record of `plan.onlyScope` if that is a matter of comparing and adding;
 * `undefined` when it is not, and then nothing has changed and {@link decide} is to be asked.
 */
export function takeAtOnce(
  { onlyScope, noCells }: Plan,
  record: ScopeRecord,
  { mode, amounts }: Operation,
  nowMs: number,
): OperationReply | undefined {
  if (mode !== "take" || onlyScope === undefined) return undefined;
  if (!haveRoom(record, onlyScope.numbers, amounts, 0, nowMs)) return undefined;
  const cells = noCells.slice();
  chargeRoom(record, amounts, 0, amounts.length, nowMs, cells);
  return { outcome: "admitted", waitsMs: undefined, cells, leaseEndsAtMs: 0, nowMs };
}

/**
 * Decides one operation and, if it charges, updates `records` in place; a record that is made
 * appears in the array. A refused operation touches nothing.
 */
export function decide(
  plan: Plan,
  records: Records,
  operation: Operation,
  nowMs: number,
): OperationReply {
  const { mode, amounts } = operation;
  if (mode === "take" && allHaveRoom(plan, records, amounts, nowMs)) {
    const cells = plan.noCells.slice();
    takeRoom(plan, records, amounts, nowMs, cells);
    return { outcome: "admitted", waitsMs: undefined, cells, leaseEndsAtMs: 0, nowMs };
  }
  const waitsMs = mode === "force" ? undefined : judge(plan, records, amounts, nowMs);
  if (waitsMs !== undefined) {
    const outcome = waitsMs.includes(NEVER_FITS) ? "impossible" : "refused";
    return new RecordReply(outcome, waitsMs, 0, plan, copies(records), nowMs);
  }
  const leaseEndsAtMs = mode === "reserve" ? nowMs + operation.leaseMs : 0;
  if (mode !== "check") {
    for (const [s, scope] of plan.scopes.entries()) {
      if (!isCharged(scope, amounts)) continue;
      const record = records[s] ?? newRecord(nowMs, scope.limits);
      records[s] = record;
      if (leaseEndsAtMs > 0) noteLease(record, nowMs, leaseEndsAtMs);
      book(scope, record, operation, nowMs);
    }
  }
  return new RecordReply("admitted", undefined, leaseEndsAtMs, plan, copies(records), nowMs);
}

// A cost of zero opens no window and makes no record.
const isCharged = ({ first, limits }: PlanScope, amounts: readonly number[]): boolean =>
  limits.some((_, i) => (amounts[first + i] ?? 0) > 0);

function book(
  { first, limits }: PlanScope,
  record: ScopeRecord,
  { mode, amounts }: Operation,
  nowMs: number,
): void {
  for (const [i, limit] of limits.entries()) {
    const amount = amounts[first + i] ?? 0;
    if (amount <= 0) continue;
    const at = openCell(record, limit, i, nowMs);
    if (mode === "force") settle(record, at, limit, nowMs, amount, 0);
    else charge(record, at, limit, nowMs, amount);
    if (mode === "reserve") record[at + 3] = (record[at + 3] ?? 0) + amount;
    noteCharge(record, at, limit, nowMs);
  }
  record[WRITTEN] = nowMs;
}

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

/**
 * Replaces a hold by its real cost, in the windows it was charged in. Updates `records` in place,
 * and makes one only where an overrun needs it.
 */
export function settleHold(
  hold: Hold,
  records: Records,
  cost: Cost,
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
    settleScope(hold, scope, record, hold.generations[s] ?? 0, cost, nowMs, forgiven);
  }
  return forgiven;
}

function settleScope(
  hold: Hold,
  { limits, first }: PlanScope,
  record: ScopeRecord,
  generation: number,
  cost: Cost,
  nowMs: number,
  forgiven: Forgiven[],
): void {
  // Without a mark no reservation from before a reset is left.
  const resetMark = record[GENERATION] ?? 0;
  const sameGeneration = resetMark === 0 || resetMark === generation;
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
    const sameWindow = limit.algorithm === "token-bucket" || record[at + 1] === startMs;
    if (counted && sameWindow) record[at + 3] = Math.max(0, (record[at + 3] ?? 0) - held);
    const delta = (cost[limit.type] ?? held) - held;
    if (delta === 0 || (delta < 0 && !sameGeneration)) continue;
    settle(record, at, limit, nowMs, delta, startMs);
    noteCharge(record, at, limit, nowMs);
    const amount = forgivenOf(record, at, limit, delta);
    if (amount > 0) forgiven.push({ limit: limit.name, amount });
  }
  noteRefund(record, limits, nowMs);
  noteSettled(record, nowMs);
  record[WRITTEN] = nowMs;
}
