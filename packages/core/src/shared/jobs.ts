import { agreeOnTime, EXPIRES, LEASE_END, tombstone } from "../algorithms/record.ts";
import { decide, type Records } from "../evaluate.ts";
import { extendHold, hasLostSlots, holdOf, settleHold } from "../holds.ts";
import { GRACE_MS, MAX_LEASE_MS } from "../reservation.ts";
import { actualCost, nothingKnown, repeatedReply, sameAmounts } from "../settlement.ts";
import type { Address, BatchReply, Operation, OperationReply, SettlementReply } from "../store.ts";
import {
  bookedIn,
  HELD,
  holdIn,
  LEASE_ENDS_AT,
  MARK,
  noteEnding,
  numbersOf,
  RELEASED,
  type ReservationDetails,
  SETTLED,
  STATUS,
  type StoredReservation,
  writeDetails,
} from "./reservation-details.ts";

/**
 * What a shared store is asked to do: the unit in which concurrent calls travel together. Each job is
 * atomic; jobs of one trip happen one after the other at one reading of the clock.
 */
export type Job = ApplyJob | SettleJob | RenewJob | ForgetJob;

/** A batch of operations; see `Store.apply`. */
export interface ApplyJob {
  readonly kind: "apply";
  readonly address: Address;
  readonly operations: readonly Operation[];
  /** For each operation that reserves, what is to be put on record; else `undefined`. */
  readonly reservations: readonly (ReservationDetails | undefined)[];
}

export interface SettleJob {
  readonly kind: "settle";
  readonly token: string;
  readonly details: ReservationDetails;
  /** The real cost by type; `undefined` releases. */
  readonly cost: Readonly<Record<string, number>> | undefined;
}

interface RenewJob {
  readonly kind: "renew";
  readonly token: string;
  readonly details: ReservationDetails;
  readonly leaseMs: number;
}

interface ForgetJob {
  readonly kind: "forget";
  readonly address: Address;
}

/** Where a job finds its records and reservations in the state it is run on; -1 where there is none. */
export interface Places {
  readonly records: readonly number[];
  /** Of the job, or of each of its operations. */
  readonly reservations: readonly number[];
}

/** What is stored, for the keys of some jobs, at one reading of the store's clock. */
export interface State {
  readonly clockMs: number;
  readonly records: Records;
  readonly reservations: (StoredReservation | undefined)[];
}

/** The reservation on record under the token is another one than the details are of. */
export const OUTDATED: unique symbol = Symbol("outdated");

/** What the jobs of each kind are answered. */
export interface Answers {
  readonly apply: BatchReply;
  readonly settle: SettlementReply | typeof OUTDATED;
  readonly renew: boolean | typeof OUTDATED;
  readonly forget: undefined;
}

export type Answer = Answers[Job["kind"]];

/**
 * Runs one job on the state, which it changes, and answers it.
 *
 * Every shared store does exactly this: those that lock their rows by calling it and writing back what
 * changed, those with a language of their own by a port of it. The latter hand out the state as it was
 * before, and the answer is still worked out here, so that no port has to know how to put it.
 */
export function runJob<J extends Job>(job: J, places: Places, state: State): Answers[J["kind"]];
export function runJob(job: Job, places: Places, state: State): Answer {
  switch (job.kind) {
    case "apply":
      return apply(job, places, state);
    case "settle":
      return settle(job, places, state);
    case "renew":
      return renew(job, places, state);
    case "forget":
      return forget(places, state);
  }
}

const isLive = (record: Records[number], clockMs: number): boolean =>
  record !== undefined && (record[EXPIRES] ?? 0) > clockMs;

/** The records of a job, without those that have expired. */
const liveRecords = ({ records: places }: Places, { records, clockMs }: State): Records =>
  places.map((place) => {
    const record = records[place];
    return isLive(record, clockMs) ? record : undefined;
  });

function keep({ records: places }: Places, records: Readonly<Records>, state: State): void {
  for (const [scope, record] of records.entries()) {
    const place = places[scope] ?? -1;
    if (record !== undefined && place >= 0) state.records[place] = record;
  }
}

/** The reservation at a place, unless its grace is over. */
function reservationAt(
  { reservations: places }: Places,
  index: number,
  { reservations }: State,
  nowMs: number,
): StoredReservation | undefined {
  const stored = reservations[places[index] ?? -1];
  if (stored === undefined) return undefined;
  return nowMs < (stored.numbers[LEASE_ENDS_AT] ?? 0) + GRACE_MS ? stored : undefined;
}

function apply(job: ApplyJob, places: Places, state: State): BatchReply {
  const records = liveRecords(places, state);
  const nowMs = agreeOnTime(records, state.clockMs);
  const replies = job.operations.map((operation, index) =>
    operation.mode === "reserve"
      ? reserve(job, places, state, records, index, operation, nowMs)
      : decide(job.address.plan, records, operation, nowMs),
  );
  keep(places, records, state);
  return replies;
}

function reserve(
  { address: { plan }, reservations }: ApplyJob,
  places: Places,
  state: State,
  records: Records,
  index: number,
  operation: Operation & { mode: "reserve" },
  nowMs: number,
): OperationReply {
  const known = reservationAt(places, index, state, nowMs);
  if (known !== undefined) {
    const { amounts }: Pick<ReservationDetails, "amounts"> = JSON.parse(known.details);
    const leaseEndsAtMs = known.numbers[LEASE_ENDS_AT] ?? 0;
    const same = sameAmounts(amounts, operation.amounts);
    return repeatedReply(plan, records, operation, same, leaseEndsAtMs, nowMs);
  }
  const reply = decide(plan, records, operation, nowMs);
  const details = reservations[index];
  const place = places.reservations[index] ?? -1;
  if (reply.outcome === "admitted" && details !== undefined && place >= 0) {
    state.reservations[place] = {
      details: writeDetails(details),
      numbers: numbersOf(
        holdOf(plan, records, operation, reply, nowMs),
        details.mark,
        reply.leaseEndsAtMs,
      ),
    };
  }
  return reply;
}

function settle(
  { details, cost }: SettleJob,
  places: Places,
  state: State,
): SettlementReply | typeof OUTDATED {
  const stored = reservationAt(places, 0, state, state.clockMs);
  if (stored === undefined) return nothingKnown;
  if (stored.numbers[MARK] !== details.mark) return OUTDATED;
  const status = stored.numbers[STATUS];
  if (status !== HELD) {
    return {
      outcome: status === SETTLED ? "settled" : "released",
      applied: false,
      held: details.cost,
      cost: bookedIn(details, stored),
      forgiven: [],
    };
  }
  const records = liveRecords(places, state);
  const nowMs = agreeOnTime(records, state.clockMs);
  const hold = holdIn(details, stored);
  const booked = actualCost(hold, cost);
  const forgiven = settleHold(hold, records, booked, stored.numbers[LEASE_ENDS_AT] ?? 0, nowMs);
  keep(places, records, state);
  noteEnding(details, stored, cost === undefined ? RELEASED : SETTLED, booked);
  return {
    outcome: cost === undefined ? "released" : "settled",
    applied: true,
    held: details.cost,
    cost: booked,
    forgiven,
  };
}

function renew(
  { details, leaseMs }: RenewJob,
  places: Places,
  state: State,
): boolean | typeof OUTDATED {
  const stored = reservationAt(places, 0, state, state.clockMs);
  if (stored === undefined) return false;
  if (stored.numbers[MARK] !== details.mark) return OUTDATED;
  if (stored.numbers[STATUS] !== HELD) return false;
  const records = liveRecords(places, state);
  const nowMs = agreeOnTime(records, state.clockMs);
  const hold = holdIn(details, stored);
  const fromMs = stored.numbers[LEASE_ENDS_AT] ?? 0;
  if (nowMs >= fromMs || hasLostSlots(hold, records)) return false;
  // One that lies further ahead than any lease was given by a clock that has been put right since.
  const isSane = fromMs <= nowMs + MAX_LEASE_MS;
  const toMs = isSane ? Math.max(fromMs, nowMs + leaseMs) : nowMs + leaseMs;
  stored.numbers[LEASE_ENDS_AT] = toMs;
  extendHold(hold, records, fromMs, toMs, nowMs);
  return true;
}

/**
 * Puts a mark in place of each record. Who holds reservations from before is not known here, so it
 * stays for as long as the longest lease and its grace.
 */
function forget({ records: places }: Places, state: State): undefined {
  const { clockMs } = state;
  for (const place of places) {
    if (place < 0) continue;
    const record = state.records[place];
    const live = isLive(record, clockMs) ? record : undefined;
    const untilMs = Math.max(clockMs + MAX_LEASE_MS, live?.[LEASE_END] ?? 0) + GRACE_MS;
    state.records[place] = tombstone(live, clockMs, untilMs);
  }
}
