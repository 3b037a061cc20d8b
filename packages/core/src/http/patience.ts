import { configError } from "../errors.ts";
import type { AcquireOptions } from "../limiter.ts";
import { parseInteger } from "../parse.ts";
import { MAX_LEASE_MS } from "../reservation.ts";
import { parseSlowDown, type SlowDown } from "../waiting/slow-down.ts";
import type { RequestFacts } from "./facts.ts";
import type { RateLimitOptions } from "./options.ts";

type PatienceOptions<Request> = Pick<
  RateLimitOptions<Request>,
  "onRefused" | "maxWaitMs" | "priority" | "slowDown"
>;

/** How requests wait. */
export interface Patience<Request> {
  /** 0: not at all. `undefined`: as long as the limiter says. */
  readonly maxWaitMs: number | undefined;
  readonly priority: (request: Request) => number;
  readonly slowDown: Required<SlowDown> | undefined;
}

/** Checks how requests wait; `undefined` where they neither wait nor are slowed down. */
export function parsePatience<Request>({
  onRefused,
  maxWaitMs,
  priority,
  slowDown,
}: PatienceOptions<Request>): Patience<Request> | undefined {
  const slower = parseSlowDown(slowDown, "slowDown");
  if (onRefused === "wait") {
    const longestMs =
      maxWaitMs === undefined
        ? undefined
        : parseInteger(maxWaitMs, "maxWaitMs", "milliseconds", 1, MAX_LEASE_MS);
    return { maxWaitMs: longestMs, priority: priority ?? (() => 0), slowDown: slower };
  }
  for (const [name, value] of Object.entries({ maxWaitMs, priority })) {
    if (value !== undefined) throw configError(name, 'nothing without onRefused: "wait"', value);
  }
  return slower === undefined ? undefined : { maxWaitMs: 0, priority: () => 0, slowDown: slower };
}

/** What a request asks the limiter with. */
export const acquireOptions = <Request>(
  { maxWaitMs, priority, slowDown }: Patience<Request>,
  request: Request,
): AcquireOptions => ({
  priority: priority(request),
  ...(maxWaitMs === undefined ? {} : { maxWaitMs }),
  ...(slowDown === undefined ? {} : { slowDown }),
});

/** Asks with a signal that is given when the client goes away; `undefined` when it went. */
export async function whileThere<Request, T>(
  { whenGone }: RequestFacts<Request>,
  ask: (signal: AbortSignal) => Promise<T>,
): Promise<T | undefined> {
  const left = new AbortController();
  const stop = whenGone(() => {
    left.abort();
  });
  try {
    return await ask(left.signal);
  } catch (error) {
    if (left.signal.aborted && error === left.signal.reason) return undefined;
    throw error;
  } finally {
    stop();
  }
}
