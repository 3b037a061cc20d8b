import { CELL_SIZE, MAX_INTEGER } from "./algorithms/cell.ts";
import {
  NEVER_FITS,
  NOT_APPLIED,
  charge,
  credit,
  settle,
  usedOf,
  waitFor,
} from "./algorithms/kernel.ts";
import {
  block,
  blockedUntilMs,
  cellAt,
  chargeRoom,
  dropEndedBlock,
  haveRoom,
  LEASE_END,
  newRecord,
  noteCharge,
  noteLease,
  noteRefund,
  openCell,
  readCell,
  type ScopeRecord,
  UNTOUCHED,
  WRITTEN,
} from "./algorithms/record.ts";
import { takeSlots } from "./algorithms/slots.ts";
import type { Limit } from "./policy/limit.ts";
import type { Plan, PlanScope } from "./policy/plan.ts";
import type { Operation, OperationReply } from "./store.ts";

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
  readonly blockedUntilMs: number;
  readonly leaseEndsAtMs: number;
  readonly repeated = false;
  readonly nowMs: number;
  readonly #plan: Plan;
  readonly #records: Readonly<Records>;

  constructor(
    outcome: OperationReply["outcome"],
    waitsMs: readonly number[] | undefined,
    blockedUntilMs: number,
    leaseEndsAtMs: number,
    plan: Plan,
    records: Readonly<Records>,
    nowMs: number,
  ) {
    this.outcome = outcome;
    this.waitsMs = waitsMs;
    this.blockedUntilMs = blockedUntilMs;
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

/** Until when some record is blocked; 0 when none is at `nowMs`. */
function blockOf(records: Readonly<Records>, nowMs: number): number {
  let untilMs = 0;
  for (const record of records) untilMs = Math.max(untilMs, blockedUntilMs(record));
  return untilMs > nowMs ? untilMs : 0;
}

/** What the waits of the limits come to. A shadow limit has no say. */
function outcomeOf(
  { limits }: Plan,
  waitsMs: readonly number[] | undefined,
): "admitted" | "refused" | "impossible" {
  if (waitsMs === undefined) return "admitted";
  let outcome: "admitted" | "refused" = "admitted";
  for (let index = 0; index < waitsMs.length; index += 1) {
    if (waitsMs[index] === 0 || limits[index]?.shadow === true) continue;
    if (waitsMs[index] === NEVER_FITS) return "impossible";
    outcome = "refused";
  }
  return outcome;
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
  return simplyAdmitted(cells, nowMs);
}

const simplyAdmitted = (cells: readonly number[], nowMs: number): OperationReply => ({
  outcome: "admitted",
  waitsMs: undefined,
  blockedUntilMs: 0,
  cells,
  leaseEndsAtMs: 0,
  repeated: false,
  nowMs,
});

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
    return simplyAdmitted(cells, nowMs);
  }
  const asks = mode === "check" || mode === "take" || mode === "reserve";
  const waitsMs = asks ? judge(plan, records, amounts, nowMs) : undefined;
  const barredUntilMs = asks ? blockOf(records, nowMs) : 0;
  const judged = outcomeOf(plan, waitsMs);
  const outcome = judged === "admitted" && barredUntilMs > 0 ? "refused" : judged;
  if (outcome !== "admitted") {
    return new RecordReply(outcome, waitsMs, barredUntilMs, 0, plan, copies(records), nowMs);
  }
  const leaseEndsAtMs = mode === "reserve" ? nowMs + operation.leaseMs : 0;
  for (const [s, scope] of plan.scopes.entries()) {
    if (!writes(scope, operation, records[s])) continue;
    const record = records[s] ?? newRecord(nowMs, scope.limits);
    records[s] = record;
    if (leaseEndsAtMs > 0) noteLease(record, nowMs, leaseEndsAtMs);
    book(scope, record, operation, nowMs, leaseEndsAtMs);
  }
  return new RecordReply(outcome, waitsMs, 0, leaseEndsAtMs, plan, copies(records), nowMs);
}

// A cost of zero opens no window and makes no record.
function writes(
  { first, limits }: PlanScope,
  operation: Operation,
  record: ScopeRecord | undefined,
): boolean {
  switch (operation.mode) {
    case "check":
      return false;
    case "block":
      return (
        (operation.forMs > 0 || blockedUntilMs(record) > 0) &&
        limits.some((_, i) => operation.amounts[first + i] !== NOT_APPLIED)
      );
    case "adjust":
      return limits.some((_, i) => {
        const delta = operation.deltas[first + i] ?? 0;
        return delta > 0 || (delta < 0 && record !== undefined);
      });
    case "take":
    case "force":
    case "reserve":
      return limits.some((limit, i) => isCharged(limit, operation, first + i));
  }
}

// A slot is taken for the time of a lease, which only a reservation has.
const isCharged = ({ algorithm }: Limit, { mode, amounts }: Operation, index: number): boolean =>
  (amounts[index] ?? 0) > 0 && (algorithm !== "slots" || mode === "reserve");

function book(
  { first, limits }: PlanScope,
  record: ScopeRecord,
  operation: Operation,
  nowMs: number,
  leaseEndsAtMs: number,
): void {
  dropEndedBlock(record, nowMs);
  if (operation.mode === "block") {
    block(record, limits, nowMs, operation.forMs);
    return;
  }
  for (const [i, limit] of limits.entries()) {
    if (operation.mode === "adjust") {
      adjust(record, limit, i, nowMs, operation.deltas[first + i] ?? 0);
    } else if (isCharged(limit, operation, first + i)) {
      const amount = operation.amounts[first + i] ?? 0;
      const at = openCell(record, limit, i, nowMs);
      bookOne(record, at, limit, operation.mode, amount, nowMs, leaseEndsAtMs);
      noteCharge(record, at, limit, nowMs);
    }
  }
  if (operation.mode === "adjust") noteRefund(record, limits, nowMs);
  record[WRITTEN] = nowMs;
}

function bookOne(
  record: ScopeRecord,
  at: number,
  limit: Limit,
  mode: Operation["mode"],
  amount: number,
  nowMs: number,
  leaseEndsAtMs: number,
): void {
  if (limit.algorithm === "slots") {
    takeSlots(record, at, limit, nowMs, amount, leaseEndsAtMs);
    return;
  }
  // A shadow limit is charged what the others admit, like what is charged by force.
  if (mode === "force" || limit.shadow) settle(record, at, limit, nowMs, amount, 0);
  else charge(record, at, limit, nowMs, amount);
  if (mode === "reserve") record[at + 3] = (record[at + 3] ?? 0) + amount;
}

function adjust(
  record: ScopeRecord,
  limit: Limit,
  guess: number,
  nowMs: number,
  delta: number,
): void {
  if (delta === 0 || (delta < 0 && cellAt(record, limit.identity, guess) < 0)) return;
  const at = openCell(record, limit, guess, nowMs);
  if (delta > 0) settle(record, at, limit, nowMs, delta, 0);
  else credit(record, at, limit, nowMs, Math.min(-delta, unheldIn(record, at, limit, nowMs)));
  noteCharge(record, at, limit, nowMs);
}

/** What may be given back: what reservations hold is theirs to give back, and would be given twice. */
function unheldIn(record: ScopeRecord, at: number, limit: Limit, nowMs: number): number {
  const held = nowMs < (record[LEASE_END] ?? 0) ? (record[at + 3] ?? 0) : 0;
  return held === 0 ? MAX_INTEGER : Math.max(0, usedOf(record, at, limit, nowMs) - held);
}
