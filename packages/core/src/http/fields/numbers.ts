import type { QuotaPolicy, QuotaReport, QuotaState } from "./quota.ts";

// Structured-field integers have at most 15 digits (RFC 9651 §3.3.1); larger ones saturate, which
// also keeps every number out of exponent notation.
const MAX_FIELD_INTEGER = 999_999_999_999_999;

/** A non-negative integer as a field can carry it; -0 becomes 0. */
export const fieldInteger = (value: number): number =>
  Math.max(0, Math.min(MAX_FIELD_INTEGER, value)) + 0;

/** Seconds that are surely over when `ms` are: rounded up, never negative. */
export const ceilSeconds = (ms: number): number => fieldInteger(Math.ceil(ms / 1000));

/** The policy's window in seconds: at least 1, because the field knows no fractions. */
export const windowSeconds = ({ windowMs }: QuotaPolicy): number | undefined =>
  windowMs === undefined ? undefined : Math.max(1, ceilSeconds(windowMs));

/** The policy's quota as advertised. */
export const quotaOf = ({ quota }: QuotaPolicy): number => fieldInteger(quota ?? 0);

/** What is left, rounded down and within the quota; `undefined` when unknown. */
export const remainingOf = ({ policy, remaining }: QuotaState): number | undefined =>
  remaining === undefined
    ? undefined
    : Math.min(quotaOf(policy), fieldInteger(Math.floor(remaining)));

// When the policy is denied, not later than the request fits: the wait that counts is that one.
function effectiveResetMs({ resetMs, allowed, retryAfterMs }: QuotaState): number | undefined {
  if (resetMs === undefined || allowed || retryAfterMs === undefined) return resetMs;
  return Math.min(resetMs, retryAfterMs);
}

const capFor = ({ allowed }: QuotaState, { maxRetryAfterSeconds }: QuotaReport): number =>
  allowed || maxRetryAfterSeconds === undefined ? Number.POSITIVE_INFINITY : maxRetryAfterSeconds;

/** The effective window in seconds, as `t` tells it; `undefined` when unknown. */
export function resetSeconds(state: QuotaState, report: QuotaReport): number | undefined {
  const resetMs = effectiveResetMs(state);
  return resetMs === undefined ? undefined : Math.min(ceilSeconds(resetMs), capFor(state, report));
}

/** The same for formats in which it is required: the window when it is unknown. */
export const requiredResetSeconds = (state: QuotaState, report: QuotaReport): number | undefined =>
  resetSeconds(state, report) ?? windowSeconds(state.policy);

/** The end of the effective window as epoch seconds; rounded once, after adding. */
export function resetEpochSeconds(state: QuotaState, report: QuotaReport): number | undefined {
  const seconds = windowSeconds(state.policy);
  const fallbackMs = seconds === undefined ? undefined : seconds * 1000;
  const resetMs = effectiveResetMs(state) ?? fallbackMs;
  if (resetMs === undefined) return undefined;
  const cappedMs = Math.min(Math.max(0, resetMs), capFor(state, report) * 1000);
  return ceilSeconds(report.nowMs + cappedMs);
}
