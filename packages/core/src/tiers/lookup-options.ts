import { configError } from "../errors.ts";
import { isObject, parseInteger, rejectUnknownKeys } from "../parse.ts";
import type { LimitInput } from "../policy/limit-input.ts";
import type { MaybePromise } from "../store.ts";
import type { SubjectIds } from "../subject.ts";
import { parsePolicy, suspendedPolicy, type TierPolicy } from "./tier-policy.ts";

/** Tells what a subject may spend; `undefined` or `null` where nobody knows the subject. */
export type LimitsFunction = (
  subject: SubjectIds,
) => MaybePromise<readonly LimitInput[] | TierPolicy | null | undefined>;

/** How a {@link LimitsFunction} is asked, and what holds where it gives no answer. */
export interface LookupOptions {
  /**
   * Whose policy it is: subjects of equal key share one answer, so it must name everything that the
   * answer depends on.
   * @default all ids of the subject but `session`, `ip` and `global`, which `limits` is then not told
   * @example ({ tenant }) => tenant ?? ''
   */
  readonly key?: (subject: SubjectIds) => string;
  /** How many answers are kept: 1 to 1,000,000. Beyond it the longest unused goes. @default 10_000 */
  readonly maxEntries?: number;
  /** How long an answer is good, from when it was asked for: 0 to a day. @default 60_000 */
  readonly ttlMs?: number;
  /**
   * What holds for a subject that nobody knows, for as long as an answer is good. `refuse`: nothing
   * is admitted.
   * @default 'refuse'
   */
  readonly unknown?: "refuse" | readonly LimitInput[] | TierPolicy;
  /**
   * What holds when the function threw, rejected or took longer than `timeoutMs`, and no answer of
   * `maxStaleMs` ago will do. `throw`: the call fails with `LOOKUP_FAILED`, in HTTP 503. `refuse`:
   * nothing. The function is asked again after a second at the earliest.
   * @default 'throw'
   */
  readonly onFailure?: "throw" | "refuse" | readonly LimitInput[] | TierPolicy;
  /**
   * For how long after its `ttlMs` an answer still holds once the function has failed, until it has
   * answered again: 0 to seven days. Calls do not wait for that.
   * @default 3_600_000
   */
  readonly maxStaleMs?: number;
  /** How long calls wait for the function: 1 ms to a minute. @default 1000 */
  readonly timeoutMs?: number;
}

/** {@link LookupOptions} with nothing left open. */
export interface LookupSettings {
  /** `undefined` for the standard one. */
  readonly key: ((subject: SubjectIds) => unknown) | undefined;
  readonly maxEntries: number;
  readonly ttlMs: number;
  readonly unknown: TierPolicy;
  /** `undefined` where the call fails. */
  readonly onFailure: TierPolicy | undefined;
  readonly maxStaleMs: number;
  readonly timeoutMs: number;
}

const DAY_MS = 86_400_000;

const names = ["key", "maxEntries", "ttlMs", "unknown", "onFailure", "maxStaleMs", "timeoutMs"];

const isKey = (value: unknown): value is LookupSettings["key"] =>
  value === undefined || typeof value === "function";

function parseStandIn(value: unknown, path: string, reason: string): TierPolicy {
  if (value === "refuse") return suspendedPolicy(reason);
  const policy = parsePolicy(value, path);
  if (policy !== undefined) return policy;
  throw configError(path, '"refuse", an array of limits, or an object with limits', value);
}

const duration = (ms: unknown, name: string, least: number, most: number): number =>
  parseInteger(ms, `lookup.${name}`, "milliseconds", least, most);

/** Checks the options and fills in what they leave open. */
export function parseLookup(value: unknown): LookupSettings {
  const options = value === undefined ? {} : value;
  if (!isObject(options)) throw configError("lookup", "an object", value);
  rejectUnknownKeys(options, names, "lookup");
  const { key, maxEntries = 10_000, ttlMs = 60_000 } = options;
  const { maxStaleMs = 3_600_000, timeoutMs = 1000 } = options;
  const { unknown = "refuse", onFailure = "throw" } = options;
  if (!isKey(key)) throw configError("lookup.key", "a function", key);
  return {
    key,
    maxEntries: parseInteger(maxEntries, "lookup.maxEntries", "answers", 1, 1_000_000),
    ttlMs: duration(ttlMs, "ttlMs", 0, DAY_MS),
    unknown: parseStandIn(unknown, "lookup.unknown", "unknown-subject"),
    onFailure:
      onFailure === "throw"
        ? undefined
        : parseStandIn(onFailure, "lookup.onFailure", "limits-unavailable"),
    maxStaleMs: duration(maxStaleMs, "maxStaleMs", 0, 7 * DAY_MS),
    timeoutMs: duration(timeoutMs, "timeoutMs", 1, 60_000),
  };
}
