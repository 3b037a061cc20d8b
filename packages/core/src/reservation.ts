import { randomUUID } from "node:crypto";

import type { Cost } from "./cost.ts";
import { fingerprint } from "./keys.ts";
import type { Plan } from "./policy/plan.ts";
import { namedIds, type Subject } from "./subject.ts";

/** How long a reservation is believed to be running when nobody says otherwise. */
export const DEFAULT_LEASE_MS = 300_000;

/** A lease longer than a day is a leak with a date. */
export const MAX_LEASE_MS = 86_400_000;

/** How long after its lease a reservation can still be settled. */
export const GRACE_MS = 3_600_000;

/** An admitted call whose real cost is not known yet. What it holds is charged. */
export interface Reservation {
  /** Opaque. Give it to `settle` or `release`, in this or any process that shares the store. */
  readonly id: string;
  /** What is held, by type. */
  readonly cost: Cost;
  /**
   * Until then the call counts as running. Settling works for an hour longer; after that the hold
   * stays charged and `settle` answers `unknown`.
   */
  readonly leaseEndsAtMs: number;
}

const RANDOM = "r.";

/** Whether a token was drawn at random, so that nothing can be on record under it before. */
export const isRandomToken = (token: string): boolean => token.startsWith(RANDOM);

/**
 * The token under which a reservation is kept. A caller's own id is an idempotency key within the
 * subject, of which all ids count: were only those compared that a limit uses, everybody below one
 * tenant limit could ride on the first call with an id.
 */
export function reservationToken(
  { scopes }: Plan,
  subject: Subject,
  ownId: string | undefined,
): string {
  if (ownId === undefined) return `${RANDOM}${randomUUID()}`;
  const spaces = scopes.map(({ space }) => space);
  return `i.${fingerprint([JSON.stringify([spaces, namedIds(subject), ownId])])}`;
}
