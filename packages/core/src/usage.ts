import { emptyAtMs, usedOf } from "./algorithms/kernel.ts";
import type { Limit } from "./policy/limit.ts";

/** How one limit stands for one subject. */
export interface Usage {
  /** The limit's name. */
  readonly limit: string;
  readonly type: string;
  readonly scope: string;
  /** The id whose usage this is, as stores keep it: ids above 64 bytes by their hash. */
  readonly id: string;
  /** As configured; `undefined` for a token bucket and for slots. */
  readonly window: string | undefined;
  /** Whether the limit never refuses. */
  readonly shadow: boolean;
  /** Units in force, held ones included; above `max` when there is debt. */
  readonly current: number;
  /** Units per window, the bucket's capacity, or the number of slots. */
  readonly max: number;
  /** What could be spent now; never negative. */
  readonly remaining: number;
  /** `current` of `max` in percent, unrounded; above 100 when there is debt. */
  readonly percentage: number;
  /** The part of `current` that open reservations hold. */
  readonly held: number;
  /** How far `current` is above `max`. */
  readonly debt: number;
  /** When `current` is 0 again if nobody spends, in epoch ms; now when it is. */
  readonly resetsAtMs: number;
}

/** Reads one cell. */
export function usageOf(
  limit: Limit,
  cells: readonly number[],
  at: number,
  id: string,
  nowMs: number,
): Usage {
  const current = usedOf(cells, at, limit, nowMs);
  return {
    limit: limit.name,
    type: limit.type,
    scope: limit.scope,
    id,
    window: limit.window,
    shadow: limit.shadow,
    current,
    max: limit.max,
    remaining: Math.max(0, limit.max - current),
    percentage: (current / limit.max) * 100,
    // A bucket refills while reservations hold what they took out of it.
    held: Math.min(current, cells[at + 3] ?? 0),
    debt: Math.max(0, current - limit.max),
    resetsAtMs: Math.max(nowMs, emptyAtMs(cells, at, limit)),
  };
}

/**
 * What `t` of the `RateLimit` field says: the time for which `remaining` is all there is
 * (draft-ietf-httpapi-ratelimit-headers-11 §4.1.2). A window not opened yet would last its full
 * length; a bucket gives its tokens at its own rate, or its next one when it has none.
 */
export function effectiveWindowMs(limit: Limit, usage: Usage, nowMs: number): number | undefined {
  switch (limit.algorithm) {
    case "fixed-window":
      if (usage.current > 0) return usage.resetsAtMs - nowMs;
      return limit.calendar === undefined ? limit.windowMs : limit.calendar.endOf(nowMs) - nowMs;
    case "sliding-window":
    case "sliding-log":
      return usage.current > 0 ? usage.resetsAtMs - nowMs : limit.windowMs;
    case "token-bucket": {
      const units = usage.remaining > 0 ? usage.remaining : 1 + usage.debt;
      return Math.ceil((units * limit.scale) / limit.refill);
    }
    case "slots":
      // Any of them may be vacated the next moment.
      return undefined;
  }
}
