import {
  quotaOf,
  remainingOf,
  requiredResetSeconds,
  resetEpochSeconds,
  windowSeconds,
} from "./numbers.ts";
import { mostRestrictive } from "./order.ts";
import type { Fields, QuotaPolicy, QuotaReport } from "./quota.ts";

/** Entries of the older `RateLimit-Policy`, in which no quota may stand twice: the longest window stays. */
export function uniqueQuotas(
  entries: readonly { readonly quota: number; readonly seconds: number }[],
): string {
  const longest = new Map<number, { readonly seconds: number }>();
  for (const entry of entries) {
    if (entry.seconds > (longest.get(entry.quota)?.seconds ?? -1)) longest.set(entry.quota, entry);
  }
  return entries
    .filter((entry) => longest.get(entry.quota) === entry)
    .map(({ quota, seconds }) => `${String(quota)};w=${String(seconds)}`)
    .join(", ");
}

function policyField(policies: readonly QuotaPolicy[]): Fields {
  const entries = policies.flatMap((policy) => {
    const seconds = windowSeconds(policy);
    return policy.quota === undefined || seconds === undefined
      ? []
      : [{ quota: quotaOf(policy), seconds }];
  });
  return entries.length === 0 ? {} : { "RateLimit-Policy": uniqueQuotas(entries) };
}

interface Described {
  readonly limit: string;
  readonly remaining: string | undefined;
  readonly reset: string;
}

// Both drafts require a reset, so a policy without any time cannot be described.
function describe(report: QuotaReport): Described | undefined {
  const state = mostRestrictive(report);
  const reset = state === undefined ? undefined : requiredResetSeconds(state, report);
  if (state === undefined || reset === undefined) return undefined;
  const remaining = remainingOf(state);
  return {
    limit: String(quotaOf(state.policy)),
    remaining: remaining === undefined ? undefined : String(remaining),
    reset: String(reset),
  };
}

/** draft-07: `RateLimit` as a dictionary of one policy. */
export function draft7Fields(report: QuotaReport): Fields {
  const described = describe(report);
  const policy = policyField(report.policies);
  if (described === undefined) return policy;
  const { limit, remaining, reset } = described;
  const left = remaining === undefined ? "" : ` remaining=${remaining},`;
  return { ...policy, RateLimit: `limit=${limit},${left} reset=${reset}` };
}

/** draft-06: one field each for limit, remaining and reset. */
export function draft6Fields(report: QuotaReport): Fields {
  const described = describe(report);
  const policy = policyField(report.policies);
  if (described === undefined) return policy;
  const { limit, remaining, reset } = described;
  return {
    ...policy,
    "RateLimit-Limit": limit,
    ...(remaining === undefined ? {} : { "RateLimit-Remaining": remaining }),
    "RateLimit-Reset": reset,
  };
}

/**
 * The `X-RateLimit-*` custom, which no document defines. `epoch` seconds is what most clients
 * expect of the reset; some read it as `delta` seconds.
 */
export function xRateLimitFields(report: QuotaReport, reset: "epoch" | "delta"): Fields {
  const state = mostRestrictive(report);
  if (state === undefined) return {};
  const remaining = remainingOf(state);
  const at =
    reset === "epoch" ? resetEpochSeconds(state, report) : requiredResetSeconds(state, report);
  return {
    "X-RateLimit-Limit": String(quotaOf(state.policy)),
    ...(remaining === undefined ? {} : { "X-RateLimit-Remaining": String(remaining) }),
    ...(at === undefined ? {} : { "X-RateLimit-Reset": String(at) }),
  };
}
