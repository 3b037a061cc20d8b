import type { AcquireOptions } from "../limiter.ts";
import {
  checkId,
  checkIntegerArgument,
  checkLease,
  invalidArgument,
} from "../limiter/arguments.ts";
import type { LimiterSettings } from "../limiter/limiter-options.ts";
import { MAX_LEASE_MS } from "../reservation.ts";
import { parseSlowDown, type SlowDown } from "./slow-down.ts";

/** What a call that would wait asks for, with nothing left open. */
export interface Patience {
  readonly reserve: boolean;
  readonly hold: { readonly id?: string; readonly leaseMs: number };
  readonly maxWaitMs: number;
  readonly priority: number;
  readonly signal: AbortSignal | undefined;
  readonly slowDown: Required<SlowDown> | undefined;
}

/** @throws TollgateError `INVALID_ARGUMENT`, `INVALID_CONFIG` for `slowDown` */
export function checkAcquire(
  {
    reserve = false,
    id,
    leaseMs: ownLeaseMs,
    maxWaitMs: ownMaxWaitMs,
    priority = 0,
    signal,
    slowDown,
  }: AcquireOptions,
  { leaseMs: standardLeaseMs, waiting }: LimiterSettings,
): Patience {
  const leaseMs = ownLeaseMs ?? standardLeaseMs;
  const maxWaitMs = ownMaxWaitMs ?? waiting.maxWaitMs;
  checkLease(leaseMs);
  checkIntegerArgument("maxWaitMs", maxWaitMs, 0, MAX_LEASE_MS);
  checkIntegerArgument("priority", priority, -1_000_000, 1_000_000);
  if (typeof reserve !== "boolean") throw invalidArgument("reserve", "true or false", reserve);
  if (signal !== undefined && !(signal instanceof AbortSignal)) {
    throw invalidArgument("signal", "an AbortSignal", signal);
  }
  if (id !== undefined) checkId("id", id);
  return {
    reserve,
    hold: id === undefined ? { leaseMs } : { id, leaseMs },
    maxWaitMs,
    priority,
    signal,
    slowDown: parseSlowDown(slowDown, "slowDown"),
  };
}
