import { quotaOf, remainingOf, resetSeconds, windowSeconds } from "./numbers.ts";
import type { QuotaReport, QuotaState } from "./quota.ts";

const waitOf = ({ retryAfterMs, resetMs }: QuotaState): number =>
  retryAfterMs ?? resetMs ?? Number.NEGATIVE_INFINITY;

function shareOf(state: QuotaState): number {
  const remaining = remainingOf(state);
  const quota = quotaOf(state.policy);
  if (remaining === undefined) return Number.POSITIVE_INFINITY;
  return quota === 0 ? 0 : remaining / quota;
}

const leftOf = (state: QuotaState): number => remainingOf(state) ?? Number.POSITIVE_INFINITY;

// Equal infinities differ by NaN, which would be no order at all.
const ascending = (a: number, b: number): number => (a === b ? 0 : a < b ? -1 : 1);

const byReset = (a: QuotaState, b: QuotaState, report: QuotaReport): number =>
  ascending(resetSeconds(b, report) ?? -1, resetSeconds(a, report) ?? -1);

/** The states worth telling, most urgent first: denied before allowed, then closest to the limit. */
export const byUrgency = (report: QuotaReport): readonly QuotaState[] =>
  report.states
    .filter(({ policy }) => policy.quota !== undefined)
    .toSorted(
      (a, b) =>
        Number(a.allowed) - Number(b.allowed) ||
        (a.allowed ? 0 : ascending(waitOf(b), waitOf(a))) ||
        ascending(shareOf(a), shareOf(b)) ||
        ascending(leftOf(a), leftOf(b)) ||
        byReset(a, b, report),
    );

/**
 * The one state that formats without a list describe: a denied one if there is any; else, among
 * those that share the most urgent one's unit, the one with least left (draft-06 §4). States
 * without any time are passed over where there are others.
 */
export function mostRestrictive(report: QuotaReport): QuotaState | undefined {
  const all = byUrgency(report);
  const timed = all.filter(
    (state) => state.resetMs !== undefined || windowSeconds(state.policy) !== undefined,
  );
  const [first, ...others] = timed.length > 0 ? timed : all;
  if (first === undefined || !first.allowed) return first;
  const [least] = [first, ...others]
    .filter(({ policy }) => policy.unit === first.policy.unit)
    .toSorted(
      (a, b) =>
        ascending(leftOf(a), leftOf(b)) ||
        ascending(shareOf(a), shareOf(b)) ||
        byReset(a, b, report),
    );
  return least;
}
