import type { CloseOptions } from "../limiter.ts";
import type { LlmMeter } from "../llm/meter.ts";
import { isPromise, next } from "../maybe-promise.ts";
import { MAX_LEASE_MS } from "../reservation.ts";
import type { MaybePromise } from "../store.ts";
import type { WaitingCalls } from "../waiting/waiting-calls.ts";
import { checkIntegerArgument } from "./arguments.ts";
import type { LimiterSettings } from "./limiter-options.ts";
import type { OpenCalls } from "./open-calls.ts";
import type { Reporter } from "./reporter.ts";
import type { StoreAccess } from "./store-access.ts";

/** What a limiter, its overrides and its views of single subjects have in common. */
export interface LimiterParts {
  readonly settings: LimiterSettings;
  readonly access: StoreAccess;
  readonly reporter: Reporter;
  readonly calls: OpenCalls;
  readonly waiting: WaitingCalls;
  readonly llm: LlmMeter;
  /** What limits metered that are no longer in force: reservations from then are still settled. */
  readonly pastTypes: Set<string>;
  readonly close: (options?: CloseOptions) => MaybePromise<void>;
}

/** How long `close` waits for settlements unless told otherwise. */
const CLOSE_TIMEOUT_MS = 5000;

/** Waits for `ending`, but not for ever: a store that hangs must not keep a service from stopping. */
function within(timeoutMs: number, ending: MaybePromise<void>): MaybePromise<void> {
  if (!isPromise(ending)) return undefined;
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, timeoutMs);
  });
  return Promise.race([ending, late]).finally(() => {
    clearTimeout(timer);
  });
}

/**
 * How a limiter ends: who waits is turned away, what runs is settled while the store can still be
 * asked, and then nothing is asked any more.
 * @param end frees what the limiter holds beside its calls
 */
export function closing(
  access: StoreAccess,
  calls: OpenCalls,
  waiting: WaitingCalls,
  end: () => MaybePromise<void>,
): LimiterParts["close"] {
  return ({ timeoutMs = CLOSE_TIMEOUT_MS } = {}) => {
    checkIntegerArgument("timeoutMs", timeoutMs, 0, MAX_LEASE_MS);
    if (access.closing !== false) return access.closing;
    waiting.close();
    access.closing = undefined;
    access.closing = next(within(timeoutMs, calls.endAll()), () => {
      access.closed = true;
      return end();
    });
    return access.closing;
  };
}
