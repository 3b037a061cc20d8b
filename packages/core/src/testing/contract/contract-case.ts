import assert from "node:assert/strict";

import type { Decision } from "../../decision.ts";
import { isTollgateError, type TollgateError } from "../../errors.ts";
import type { Limiter } from "../../limiter.ts";
import { createLimiter } from "../../limiter/create-limiter.ts";
import type { LimitInput } from "../../policy/limit-input.ts";
import type { Reservation } from "../../reservation.ts";
import type { MaybePromise, Store } from "../../store.ts";
import type { Subject } from "../../subject.ts";
import type { Usage } from "../../usage.ts";
import { type ManualClock, manualClock } from "../manual-clock.ts";

/** Makes an empty store whose clock is `clock`. */
export type MakeStore = (clock: ManualClock) => MaybePromise<Store>;

/** One promise of the store contract. */
export interface ContractCase {
  /** A fact; begins with a row of the list of known defects where it is one. */
  readonly name: string;
  /** Rejects with an `AssertionError` when the store breaks the promise. */
  readonly run: (makeStore: MakeStore) => Promise<void>;
}

/** A store with one limiter on it. */
export interface Stage {
  readonly clock: ManualClock;
  /** What the clock showed at first. */
  readonly startMs: number;
  readonly store: Store;
  readonly limiter: Limiter<"async">;
}

export async function stage(
  makeStore: MakeStore,
  limits: readonly LimitInput[],
  name: string = "default",
): Promise<Stage> {
  const clock = manualClock();
  const store = await makeStore(clock);
  return {
    clock,
    startMs: clock.now(),
    store,
    limiter: createLimiter({ limits, store, name }),
  };
}

export const perMinute = (limit: number): LimitInput => ({
  type: "count",
  window: "minute",
  limit,
});

export const tokens = (limit: number, window: "minute" | "hour" | "day"): LimitInput => ({
  type: "token",
  window,
  limit,
});

/** The usage of one limit: the first, or the one named. */
export async function usageOf(
  limiter: Limiter<"async">,
  subject: Subject,
  name?: string,
): Promise<Usage> {
  const usages = await limiter.usage(subject);
  const usage = usages.find(({ limit }) => name === undefined || limit === name);
  assert.ok(usage, `no usage of ${name ?? "any limit"}`);
  return usage;
}

/** What the subject has used of the first limit, or of the one named. */
export const used = async (
  limiter: Limiter<"async">,
  subject: Subject,
  name?: string,
): Promise<number> => (await usageOf(limiter, subject, name)).current;

export async function admitted(answer: MaybePromise<Decision>): Promise<Decision> {
  const decision = await answer;
  assert.equal(decision.outcome, "admitted", decision.reason);
  return decision;
}

export async function refused(
  answer: MaybePromise<Decision>,
  retryAfterMs: number,
): Promise<Decision> {
  const decision = await answer;
  assert.equal(decision.outcome, "refused");
  assert.equal(decision.retryAfterMs, retryAfterMs);
  return decision;
}

export async function reserved(answer: MaybePromise<Decision>): Promise<Reservation> {
  const { reservation } = await admitted(answer);
  assert.ok(reservation);
  return reservation;
}

/** The outcomes of many calls that start together. */
export async function together<T>(
  calls: number,
  call: (n: number) => MaybePromise<T>,
): Promise<T[]> {
  return Promise.all(Array.from({ length: calls }, async (_, n) => call(n)));
}

export const countAdmitted = (decisions: readonly Decision[]): number =>
  decisions.filter(({ allowed }) => allowed).length;

/** The error a call ends with, thrown or rejected. */
export async function failure(call: () => unknown): Promise<TollgateError> {
  try {
    await call();
  } catch (error) {
    assert.ok(isTollgateError(error), `not one of our errors: ${String(error)}`);
    return error;
  }
  throw new assert.AssertionError({ message: "the call did not fail" });
}
