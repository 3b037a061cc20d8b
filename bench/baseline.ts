import { LRUCache } from "lru-cache";

/** A limit as somebody would write it who needs no more than this. */
export interface PlainLimit {
  readonly windowMs: number;
  readonly max: number;
  /** What a call costs here. */
  readonly amount: number;
}

interface Window {
  startMs: number;
  used: number;
}

/**
 * Fixed windows written by hand, the yardstick of a decision: one lookup, one loop that checks all
 * limits, one that charges them. It answers yes or no; it knows no wait, no usage and no reservation.
 */
export function plainLimiter(
  limits: readonly PlainLimit[],
  maxKeys: number,
): (id: string) => boolean {
  const records = new LRUCache<string, Window[]>({ max: maxKeys });
  return (id) => {
    const nowMs = Date.now();
    let windows = records.get(id);
    if (windows === undefined) {
      windows = limits.map(() => ({ startMs: nowMs, used: 0 }));
      records.set(id, windows);
    }
    for (let n = 0; n < limits.length; n += 1) {
      const limit = limits[n];
      const window = windows[n];
      if (limit === undefined || window === undefined) return false;
      if (nowMs >= window.startMs + limit.windowMs) {
        window.startMs = nowMs;
        window.used = 0;
      }
      if (window.used + limit.amount > limit.max) return false;
    }
    for (let n = 0; n < limits.length; n += 1) {
      const limit = limits[n];
      const window = windows[n];
      if (limit !== undefined && window !== undefined) window.used += limit.amount;
    }
    return true;
  };
}
