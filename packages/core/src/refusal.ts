import { NEVER_FITS, SUSPENDED } from "./algorithms/kernel.ts";
import type { Limit } from "./policy/limit.ts";
import type { Usage } from "./usage.ts";

/** Why one limit refused. */
export interface Refusal {
  /** The limit's name. */
  readonly limit: string;
  readonly type: string;
  /** What the call would have cost here. */
  readonly requested: number;
  /** What is left. */
  readonly remaining: number;
  /** The largest cost this limit could ever admit. */
  readonly max: number;
  /** How long until the cost fits here; `undefined` when waiting does not help. */
  readonly retryAfterMs: number | undefined;
  /** Whether the limit refuses everything. */
  readonly suspended: boolean;
}

export const refusalOf = (
  limit: Limit,
  usage: Usage,
  requested: number,
  waitMs: number,
): Refusal => ({
  limit: limit.name,
  type: limit.type,
  requested,
  remaining: usage.remaining,
  max: limit.max,
  suspended: waitMs === SUSPENDED,
  retryAfterMs: waitMs === NEVER_FITS || waitMs === SUSPENDED ? undefined : waitMs,
});

/** A wait in words. */
export const seconds = (ms: number): string => `${String(Math.ceil(ms / 100) / 10)} s`;

/** The refusal that decides: one that no waiting helps, else the one to wait for longest. */
export function decisiveRefusal(refusals: readonly Refusal[]): Refusal | undefined {
  const weight = ({ retryAfterMs }: Refusal): number => retryAfterMs ?? Number.MAX_VALUE;
  const [decisive] = refusals.toSorted((a, b) => weight(b) - weight(a));
  return decisive;
}

/** Why a call was refused, in a sentence. */
export function reasonOf(refusals: readonly Refusal[]): string {
  const decisive = decisiveRefusal(refusals);
  if (decisive === undefined) return "refused";
  const { limit, type, requested, remaining, max, retryAfterMs, suspended } = decisive;
  if (suspended) return `limit "${limit}" is suspended`;
  if (requested > max) {
    return `limit "${limit}" can never admit ${type} ${String(requested)}: at most ${String(max)}`;
  }
  return (
    `limit "${limit}" has ${String(remaining)} of ${String(max)} left and ${type} ` +
    `${String(requested)} was asked; it fits in ${seconds(retryAfterMs ?? 0)}`
  );
}
