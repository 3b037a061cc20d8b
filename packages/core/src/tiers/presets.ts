import type { LimitInput } from "../policy/limit-input.ts";

const frozen = (limits: readonly LimitInput[]): readonly LimitInput[] =>
  Object.freeze(limits.map((limit) => Object.freeze({ ...limit })));

/**
 * Ready-made limits for three sizes of customer, of the limiter's own scope.
 *
 * @example
 * createLimiter({ scope: 'tenant', limits: async ({ tenant }) => tiers[await tierOf(tenant)] })
 */
export const tiers: Readonly<Record<"developer" | "pro" | "enterprise", readonly LimitInput[]>> =
  Object.freeze({
    /** 10,000 tokens a day, 10 requests a minute. */
    developer: frozen([
      { type: "token", window: "day", limit: 10_000 },
      { type: "count", window: "minute", limit: 10 },
    ]),
    /** 100,000 tokens a day, 60 requests a minute. */
    pro: frozen([
      { type: "token", window: "day", limit: 100_000 },
      { type: "count", window: "minute", limit: 60 },
    ]),
    /** 1,000,000 tokens a day, 1,000 requests a minute. */
    enterprise: frozen([
      { type: "token", window: "day", limit: 1_000_000 },
      { type: "count", window: "minute", limit: 1_000 },
    ]),
  } satisfies Record<string, readonly LimitInput[]>);
