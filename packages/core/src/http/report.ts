import { type Decision, type LimitState, statesOf } from "../decision.ts";
import type { Limit } from "../policy/limit.ts";
import type { QuotaPolicy, QuotaReport } from "./fields/quota.ts";
import type { HeaderSettings } from "./header-options.ts";

/** The limits that headers may show, as they are called on the wire, in configuration order. */
export const advertisedPolicies = (
  limits: readonly Limit[],
  { units }: HeaderSettings,
): ReadonlyMap<string, QuotaPolicy> =>
  new Map(
    limits
      .filter(({ advertised }) => advertised)
      .toSorted((a, b) => a.position - b.position)
      .map(({ name, type, max, windowMs }) => [
        name,
        {
          name,
          quota: max,
          windowMs: windowMs === 0 ? undefined : windowMs,
          unit: units.get(type) ?? type,
          type,
          partitionKey: undefined,
        },
      ]),
  );

const quotaState = (
  policy: QuotaPolicy,
  { limit, usage, refusal: refused, effectiveWindowMs }: LimitState,
  nowMs: number,
): QuotaReport["states"][number] => {
  // A shadow limit that is shown shows its numbers, and refuses nothing.
  const refusal = limit.shadow ? undefined : refused;
  return {
    policy,
    // Nothing can be spent of what is suspended.
    remaining: limit.suspended ? 0 : usage.remaining,
    resetMs: effectiveWindowMs,
    fullAfterMs: usage.resetsAtMs - nowMs,
    allowed: refusal === undefined,
    retryAfterMs: refusal?.retryAfterMs,
    retryable: refusal === undefined || refusal.retryAfterMs !== undefined,
  };
};

/**
 * What may be said about a decision. Limits that do not apply to the caller are not mentioned: they
 * may be another customer's plan.
 */
export function reportOf(
  decision: Decision,
  policies: ReadonlyMap<string, QuotaPolicy>,
  { maxRetryAfterSeconds }: HeaderSettings,
): QuotaReport {
  const states = statesOf(decision).flatMap((state) => {
    const policy = policies.get(state.limit.name);
    return policy === undefined ? [] : quotaState(policy, state, decision.decidedAtMs);
  });
  return {
    nowMs: decision.decidedAtMs,
    policies: states.map(({ policy }) => policy),
    states,
    maxRetryAfterSeconds,
  };
}
