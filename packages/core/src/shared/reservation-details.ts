import { randomBytes } from "node:crypto";

import type { Cost } from "../cost.ts";
import type { Hold } from "../holds.ts";
import { type Limit, parseLimit } from "../policy/limit.ts";
import { compilePlan } from "../policy/plan.ts";
import type { Address } from "../store.ts";

/**
 * A reservation as shared stores keep it: a text with all that never changes, from which any process
 * can settle it, and a row of integers that the rules read and write.
 *
 * | at  | number                                                  |
 * | --- | ------------------------------------------------------- |
 * | 0   | 0 while it is held, 1 once settled, 2 once released     |
 * | 1   | the mark by which the text is known to belong to it     |
 * | 2   | when it was taken (epoch ms)                            |
 * | 3   | when its lease ends (epoch ms)                          |
 * | 4…  | for each limit: the y of its cell, which names the window |
 * | …   | for each scope: its generation                          |
 * | …   | for each type, in the order of `cost`: what was booked  |
 */
export interface StoredReservation {
  readonly details: string;
  readonly numbers: number[];
}

export const STATUS = 0;
export const MARK = 1;
export const TAKEN_AT = 2;
export const LEASE_ENDS_AT = 3;
const FIRST_START = 4;

export const HELD = 0;
export const SETTLED = 1;
export const RELEASED = 2;

/** What never changes about a reservation. */
export interface ReservationDetails {
  readonly address: Address;
  /** For each limit. */
  readonly amounts: readonly number[];
  /** The same by type. */
  readonly cost: Cost;
  /** See {@link StoredReservation}. Another one for every reservation, also under the same token. */
  readonly mark: number;
}

/** 48 random bits. */
export const newMark = (): number => randomBytes(6).readUIntBE(0, 6);

/** JSON in ASCII, so that no database and no driver has a say in what becomes of it on its way. */
export const asciiJson = (value: unknown): string =>
  JSON.stringify(value).replaceAll(
    /[^\x20-\x7e]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );

interface LimitText {
  readonly source: unknown;
  readonly scope: string;
  readonly name: string;
  readonly identity: number;
}

interface DetailsText {
  readonly limiter: string;
  readonly limits: readonly LimitText[];
  readonly ids: readonly string[];
  readonly tenant?: string;
  readonly amounts: readonly number[];
  readonly cost: Cost;
}

/** Writes down what `readDetails` reads. */
export function writeDetails({ address, amounts, cost }: ReservationDetails): string {
  const { plan, ids, tenant } = address;
  const limits = plan.limits.map(({ source, scope, name, identity }) => ({
    source,
    scope,
    name,
    identity,
  }));
  return asciiJson({ limiter: plan.limiter, limits, ids, tenant, amounts, cost });
}

/** @param mark of the reservation whose details these are */
export function readDetails(details: string, mark: number): ReservationDetails {
  const text: DetailsText = JSON.parse(details);
  const { limiter, limits, ids, tenant, amounts, cost } = text;
  const parsed = limits.map(({ source, scope, name, identity }, index): Limit => ({
    ...parseLimit(source, `limits[${String(index)}]`, scope, index),
    // An override changes neither, though what is derived from its source may.
    name,
    identity,
  }));
  return { address: { plan: compilePlan(limiter, parsed), ids, tenant }, amounts, cost, mark };
}

/** The numbers of a reservation that is held. */
export const numbersOf = (
  { cost, takenAtMs, startsMs, generations }: Hold,
  mark: number,
  leaseEndsAtMs: number,
): number[] => [
  HELD,
  mark,
  takenAtMs,
  leaseEndsAtMs,
  ...startsMs,
  ...generations,
  ...Object.keys(cost).map(() => 0),
];

/** What the rules need to settle it. */
export function holdIn(
  { address: { plan }, amounts, cost }: ReservationDetails,
  { numbers }: StoredReservation,
): Hold {
  const generationsAt = FIRST_START + plan.limits.length;
  return {
    plan,
    amounts,
    cost,
    takenAtMs: numbers[TAKEN_AT] ?? 0,
    startsMs: numbers.slice(FIRST_START, generationsAt),
    generations: numbers.slice(generationsAt, generationsAt + plan.scopes.length),
  };
}

const bookedAt = ({ address: { plan } }: ReservationDetails): number =>
  FIRST_START + plan.limits.length + plan.scopes.length;

/** What was booked when it ended, by type. */
export function bookedIn(details: ReservationDetails, { numbers }: StoredReservation): Cost {
  const at = bookedAt(details);
  const types = Object.keys(details.cost);
  return Object.fromEntries(types.map((type, index) => [type, numbers[at + index] ?? 0]));
}

/** Puts on record how it ended. */
export function noteEnding(
  details: ReservationDetails,
  { numbers }: StoredReservation,
  status: typeof SETTLED | typeof RELEASED,
  booked: Cost,
): void {
  numbers[STATUS] = status;
  const at = bookedAt(details);
  for (const [index, type] of Object.keys(details.cost).entries()) {
    numbers[at + index] = booked[type] ?? 0;
  }
}
