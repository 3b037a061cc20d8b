import type { Address, Operation, Plan } from "@tollgate/core";
import {
  compilePlan,
  MARK,
  readDetails,
  recordKeys,
  type ReservationDetails,
} from "@tollgate/core/shared";

import { tagOf } from "./names.ts";

/** The part of an address whose records lie under one tag, as an address of its own. */
export interface Group {
  readonly tag: string;
  readonly address: Address;
  /** Which of the whole address's scopes and limits are in it. */
  readonly scopes: readonly number[];
  readonly limits: readonly number[];
}

const pick = <T>(values: readonly T[], places: readonly number[]): T[] =>
  places.flatMap((place) => {
    const value = values[place];
    return value === undefined ? [] : [value];
  });

// Plans are compiled once, and so are their parts.
const parts = new WeakMap<Plan, Map<string, Plan>>();

function partOf(plan: Plan, scopes: readonly number[]): Plan {
  if (scopes.length === plan.scopes.length) return plan;
  const known = parts.get(plan) ?? new Map<string, Plan>();
  parts.set(plan, known);
  const name = scopes.join(" ");
  const part =
    known.get(name) ??
    compilePlan(
      plan.limiter,
      pick(plan.scopes, scopes).flatMap(({ limits }) => limits),
    );
  known.set(name, part);
  return part;
}

/** The parts of an address, in the order of its scopes. The first is its home. */
export function groupsOf(address: Address): readonly [Group, ...Group[]] {
  const { plan, ids, tenant } = address;
  const scopesOf = new Map<string, number[]>();
  const homeless: number[] = [];
  for (const [scope, key] of recordKeys(address).entries()) {
    if (key === "") homeless.push(scope);
    else scopesOf.set(tagOf(key), [...(scopesOf.get(tagOf(key)) ?? []), scope]);
  }
  const groupAt = (tag: string, scopes: readonly number[]): Group => ({
    tag,
    scopes,
    limits: scopes.flatMap((scope) => {
      const { first = 0, limits = [] } = plan.scopes[scope] ?? {};
      return limits.map((_, i) => first + i);
    }),
    address: { plan: partOf(plan, scopes), ids: pick(ids, scopes), tenant },
  });
  const [[tag, own], ...others] = firstOf(scopesOf);
  // Scopes that have no record go with the first that has one: their limits are still to be told of.
  const home = groupAt(
    tag,
    [...own, ...homeless].toSorted((a, b) => a - b),
  );
  return [home, ...others.map(([tag, scopes]) => groupAt(tag, scopes))];
}

type Entry = readonly [tag: string, scopes: readonly number[]];

function firstOf(scopesOf: ReadonlyMap<string, readonly number[]>): readonly [Entry, ...Entry[]] {
  const [first = ["", []] as const, ...others] = scopesOf;
  return [first, ...others];
}

/** What of an operation is about a group. */
export function narrowed<O extends Operation>(operation: O, { limits }: Group): O {
  const amounts = pick(operation.amounts, limits);
  if (operation.mode !== "adjust") return { ...operation, amounts };
  return { ...operation, amounts, deltas: pick(operation.deltas, limits) };
}

/** What of a reservation is about a group. */
export const detailsIn = (details: ReservationDetails, group: Group): ReservationDetails => ({
  ...details,
  address: group.address,
  amounts: pick(details.amounts, group.limits),
});

/** Of a reservation that is on record: what it was taken for in the group under the tag. */
export function amountsUnder(details: string, mark: number, tag: string): readonly number[] {
  const whole = readDetails(details, mark);
  const group = groupsOf(whole.address).find((one) => one.tag === tag);
  return group === undefined ? [] : pick(whole.amounts, group.limits);
}

// Four numbers come before those of limits, scopes and types; see `shared/reservation-details.ts`.
const HEAD = 4;

/** The numbers of a group's part, of those of a whole reservation. */
export function numbersIn(
  numbers: readonly number[],
  { limits, scopes }: Group,
  { address: { plan } }: ReservationDetails,
): number[] {
  const scopesAt = HEAD + plan.limits.length;
  return [
    ...numbers.slice(0, HEAD),
    ...limits.map((limit) => numbers[HEAD + limit] ?? 0),
    ...scopes.map((scope) => numbers[scopesAt + scope] ?? 0),
    ...numbers.slice(scopesAt + plan.scopes.length),
  ];
}

/** The other way: the numbers of a whole reservation, of those of its parts, where they are there. */
export function numbersOfAll(
  parts: readonly (readonly [Group, readonly number[] | undefined])[],
  { address: { plan }, cost }: ReservationDetails,
): number[] {
  const scopesAt = HEAD + plan.limits.length;
  const typesAt = scopesAt + plan.scopes.length;
  const whole = Array.from({ length: typesAt + Object.keys(cost).length }, () => 0);
  for (const [index, [{ limits, scopes }, numbers]] of parts.entries()) {
    if (numbers === undefined) continue;
    for (const [n, limit] of limits.entries()) whole[HEAD + limit] = numbers[HEAD + n] ?? 0;
    for (const [n, scope] of scopes.entries()) {
      whole[scopesAt + scope] = numbers[HEAD + limits.length + n] ?? 0;
    }
    if (index > 0) continue;
    whole.splice(0, HEAD, ...numbers.slice(0, HEAD));
    whole.splice(typesAt, whole.length, ...numbers.slice(HEAD + limits.length + scopes.length));
  }
  return whole;
}

export const markOf = (numbers: readonly number[]): number => numbers[MARK] ?? 0;
