/**
 * For who writes a store that outlives a process: the rules to run on locked rows, or to port to a
 * database's own language, and everything else such stores have in common.
 */
export type { ScopeRecord } from "../algorithms/record.ts";
export { cellsIn, EXPIRES } from "../algorithms/record.ts";
export type { Clock } from "../clock.ts";
export { configError } from "../errors.ts";
export { isPromise, next } from "../maybe-promise.ts";
export { compilePlan } from "../policy/plan.ts";
export { isObject, parseInteger, rejectUnknownKeys } from "../parse.ts";
export { GRACE_MS, isRandomToken } from "../reservation.ts";
export type { CoalescerOptions } from "./coalescer.ts";
export type { Engine, ListedReservation } from "./engine.ts";
export { type Answers, type Job, type Places, runJob, type State } from "./jobs.ts";
export { recordKeys } from "./record-keys.ts";
export {
  asciiJson,
  HELD,
  LEASE_ENDS_AT,
  MARK,
  readDetails,
  type ReservationDetails,
  STATUS,
  type StoredReservation,
} from "./reservation-details.ts";
export type { StoredUsage } from "../store.ts";
export {
  type SharedStore,
  sharedStore,
  type SharedSyncStore,
  sharedSyncStore,
} from "./shared-store.ts";
export { type PlacedJob, planTrip, runTrip, type Trip, type TripAnswers } from "./trip.ts";
export { type WireTrip, wireTrip } from "./wire.ts";
