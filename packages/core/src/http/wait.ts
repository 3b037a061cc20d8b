import { ceilSeconds } from "./fields/numbers.ts";
import type { Wait } from "./merge.ts";

/** From this wait on, SDKs either ignore `Retry-After` or sleep for all of it: they are told to stop. */
export const LONG_WAIT_SECONDS = 60;

const LONG_WAIT_MS = LONG_WAIT_SECONDS * 1000;
const MAX_JITTER_MS = 1000;

/**
 * The wait in ms with up to a tenth of it added, at most a second: clients that were refused together
 * sleep exactly as long as they are told, and would come back together. Never earlier than the limit
 * allows, and below a minute whenever the wait itself is.
 */
function spread(waitMs: number, random: () => number): number {
  const exactMs = Math.max(1, Math.ceil(waitMs));
  const jitterMs = Math.floor(Math.min(exactMs / 10, MAX_JITTER_MS) * random());
  return exactMs < LONG_WAIT_MS
    ? Math.min(exactMs + jitterMs, LONG_WAIT_MS - 1)
    : exactMs + jitterMs;
}

/** What the fields of a response tell of a wait: seconds of at least 1, and the exact ms if asked. */
export const waitOf = (
  waitMs: number,
  capSeconds: number,
  exact: boolean,
  random: () => number,
): Wait => ({
  seconds: Math.min(Math.max(1, ceilSeconds(waitMs)), capSeconds),
  ms: exact ? Math.min(spread(waitMs, random), capSeconds * 1000) : undefined,
});
