import { NOT_APPLIED } from "../algorithms/kernel.ts";
import type { Limit } from "../policy/limit.ts";
import type { Plan } from "../policy/plan.ts";
import { actualCost } from "../settlement.ts";
import type { Operation } from "../store.ts";
import type { ApplyJob, SettleJob } from "./jobs.ts";
import { RELEASED, type ReservationDetails, SETTLED, writeDetails } from "./reservation-details.ts";
import type { PlacedJob, Trip } from "./trip.ts";

/**
 * A trip as one row of integers, for databases that move the state by a port of `jobs.ts` in their own
 * language. Places count from 1 and are 0 where there is nothing.
 *
 * ```text
 * trip    clockMs (-1: the database's own), number of plans, plans, number of jobs, jobs
 * plan    number of scopes; for each: number of limits; for each: 12 numbers
 * limit   identity, kind, max, windowMs, p, q, flags, five boundaries
 *         kind   1 fixed   2 sliding          3 log          4 bucket   5 slots
 *         p                tickMs             maxEntries     refill
 *         q                ticks in a window                 scale
 *         flags  1 forgives debt, 2 shadow, 4 suspended, 8 follows the calendar, 16 has a condition
 * job     kind, plan, place of the record of each scope, and
 *   1 apply   number of operations; each: mode, amount for each limit, and
 *               1 check  2 take  3 force
 *               4 reserve  place of the reservation, leaseMs, mark, which details, number of types
 *               5 adjust   delta for each limit
 *               6 block    forMs
 *   2 settle  place of the reservation, mark, status, amounts held, amounts booked,
 *             number of types, amount booked for each
 *   3 renew   place of the reservation, mark, leaseMs, amounts held
 *   4 forget
 * ```
 *
 * Of a calendar, the database knows but the five boundaries around the time at which the trip was sent:
 * the current window begins at the second and ends at the third. That is enough as long as its own
 * clock stands before the fourth, by the minute that a record may lie ahead of it, and not before the
 * second. Otherwise the trip is *stale*: nothing is changed, its time is told, and it is put anew.
 */
export interface WireTrip {
  readonly numbers: readonly number[];
  /** The texts of new reservations. */
  readonly details: readonly string[];
}

const kinds = {
  "fixed-window": 1,
  "sliding-window": 2,
  "sliding-log": 3,
  "token-bucket": 4,
  slots: 5,
} as const satisfies Record<Limit["algorithm"], number>;

const modes = {
  check: 1,
  take: 2,
  force: 3,
  reserve: 4,
  adjust: 5,
  block: 6,
} as const satisfies Record<Operation["mode"], number>;

function ruleNumbers(limit: Limit): readonly [p: number, q: number] {
  switch (limit.algorithm) {
    case "sliding-window":
      return [limit.tickMs, limit.windowMs / limit.tickMs];
    case "sliding-log":
      return [limit.maxEntries, 0];
    case "token-bucket":
      return [limit.refill, limit.scale];
    case "fixed-window":
    case "slots":
      return [0, 0];
  }
}

function boundaries({ calendar }: Limit, nowMs: number): readonly number[] {
  if (calendar === undefined) return [0, 0, 0, 0, 0];
  const startMs = calendar.startOf(nowMs);
  const endMs = calendar.endOf(startMs);
  const nextMs = calendar.endOf(endMs);
  return [calendar.startOf(startMs - 1), startMs, endMs, nextMs, calendar.endOf(nextMs)];
}

function pushLimit(numbers: number[], limit: Limit, nowMs: number): void {
  const { identity, algorithm, max, windowMs, forgivesDebt, shadow, suspended, calendar, when } =
    limit;
  const flags =
    (forgivesDebt ? 1 : 0) +
    (shadow ? 2 : 0) +
    (suspended ? 4 : 0) +
    (calendar === undefined ? 0 : 8) +
    (when === undefined ? 0 : 16);
  numbers.push(identity, kinds[algorithm], max, windowMs, ...ruleNumbers(limit), flags);
  numbers.push(...boundaries(limit, nowMs));
}

function pushPlan(numbers: number[], { scopes }: Plan, nowMs: number): void {
  numbers.push(scopes.length);
  for (const { limits } of scopes) {
    numbers.push(limits.length);
    for (const limit of limits) pushLimit(numbers, limit, nowMs);
  }
}

class WireWriter {
  readonly numbers: number[] = [];
  readonly details: string[] = [];

  job({ job, places }: PlacedJob, plan: number): void {
    const { numbers } = this;
    const reservation = (places.reservations[0] ?? -1) + 1;
    const head = (kind: number): void => {
      numbers.push(kind, plan);
      for (const place of places.records) numbers.push(place + 1);
    };
    switch (job.kind) {
      case "apply":
        head(1);
        numbers.push(job.operations.length);
        for (const [index, operation] of job.operations.entries()) {
          this.#operation(job, operation, index, (places.reservations[index] ?? -1) + 1);
        }
        return;
      case "settle":
        head(2);
        this.#settle(job, reservation);
        return;
      case "renew":
        head(3);
        numbers.push(reservation, job.details.mark, job.leaseMs);
        numbers.push(...job.details.amounts);
        return;
      case "forget":
        head(4);
    }
  }

  #operation(job: ApplyJob, operation: Operation, index: number, reservation: number): void {
    const { numbers } = this;
    numbers.push(modes[operation.mode], ...operation.amounts);
    switch (operation.mode) {
      case "reserve":
        this.#reserve(job.reservations[index], operation.leaseMs, reservation);
        return;
      case "adjust":
        numbers.push(...operation.deltas);
        return;
      case "block":
        numbers.push(operation.forMs);
        return;
      case "check":
      case "take":
      case "force":
    }
  }

  #reserve(details: ReservationDetails | undefined, leaseMs: number, reservation: number): void {
    if (details === undefined) throw new TypeError("a reserve without what is to be put on record");
    this.details.push(writeDetails(details));
    const types = Object.keys(details.cost).length;
    this.numbers.push(reservation, leaseMs, details.mark, this.details.length, types);
  }

  #settle({ details, cost }: SettleJob, reservation: number): void {
    const { plan } = details.address;
    const booked = actualCost(details, cost);
    const status = cost === undefined ? RELEASED : SETTLED;
    this.numbers.push(reservation, details.mark, status, ...details.amounts);
    for (const [index, { type }] of plan.limits.entries()) {
      const held = details.amounts[index] ?? NOT_APPLIED;
      this.numbers.push(held === NOT_APPLIED ? NOT_APPLIED : (booked[type] ?? held));
    }
    const amounts = Object.values(booked);
    this.numbers.push(amounts.length, ...amounts);
  }
}

const planIn = ({ job }: PlacedJob): Plan =>
  "details" in job ? job.details.address.plan : job.address.plan;

/**
 * @param clockMs what the database is to take for the time; `undefined` for its own clock
 * @param nowMs about what that clock shows
 */
export function wireTrip({ jobs }: Trip, clockMs: number | undefined, nowMs: number): WireTrip {
  const writer = new WireWriter();
  const plans = [...new Set(jobs.map(planIn))];
  writer.numbers.push(clockMs ?? -1, plans.length);
  for (const plan of plans) pushPlan(writer.numbers, plan, nowMs);
  writer.numbers.push(jobs.length);
  for (const job of jobs) writer.job(job, plans.indexOf(planIn(job)) + 1);
  return writer;
}
