import type { TokenUsage } from "../tokens.ts";
import { collectBody, collectUsage, newCounters, usageOf } from "./counters.ts";
import { isObject } from "./json-value.ts";

/** What was reported, in tokens; fields that were not are absent, and 0 is a report. */
export type PartialUsage = Partial<TokenUsage>;

/**
 * The usage in an answer: a usage object of any provider or of the AI SDK, or a response body with
 * one in it. Cached tokens are part of `input` and reasoning part of `output`, whatever the vendor's
 * own arithmetic.
 * @returns `undefined` when there is none
 */
export function readUsage(value: unknown): PartialUsage | undefined {
  if (!isObject(value)) return undefined;
  const counters = newCounters();
  if (!collectBody(value, counters) && !collectUsage(value, counters)) return undefined;
  return usageOf(counters);
}
