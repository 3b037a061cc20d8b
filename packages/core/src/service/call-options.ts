import { checkAmounts, type Cost } from "../cost.ts";
import { configError } from "../errors.ts";
import { invalidArgument } from "../limiter/arguments.ts";
import { parseMaxWait } from "../limiter/limiter-options.ts";
import { isObject, parseInteger, rejectUnknownKeys } from "../parse.ts";
import type { MaybePromise } from "../store.ts";
import { parseSlowDown, type SlowDown } from "../waiting/slow-down.ts";

/** The arguments of any call. */
export type Arguments = unknown[];

/** A value, or a function that tells it from the arguments of a call. */
export type Told<T, Args extends Arguments> = T | ((...args: Args) => MaybePromise<T>);

/** How a call waits for room instead of being refused at once; see `Limiter.acquire`. */
export interface CallWait<Args extends Arguments = Arguments> {
  /** How long at the most: 1 ms to a day. @default the limiter's `waiting.maxWaitMs` */
  readonly maxWaitMs?: number;
  /** Of the waiting calls of one subject those with a higher one come first: an integer. @default 0 */
  readonly priority?: number;
  /** Delays a call once it is admitted, by more the less is left. @default no delay */
  readonly slowDown?: SlowDown;
  /** Tells the signal that ends a call's wait: the call then throws the signal's reason. */
  readonly signal?: (...args: Args) => AbortSignal | undefined;
}

/** {@link CallWait}, checked. */
export interface Patience<Args extends Arguments> {
  readonly options: Omit<CallWait, "signal">;
  readonly signalOf: (args: Args) => AbortSignal | undefined;
}

/** Checks who a call is charged to. Ids are checked with every call. */
export function checkSubjectOption(subject: unknown, path: string): void {
  if (typeof subject === "function" || isObject(subject)) return;
  if (typeof subject === "string" && subject !== "") return;
  throw configError(path, "a subject, or a function that tells it", subject);
}

/** Checks what a call costs. Whether its types are metered is checked with every call. */
export function checkCostOption(cost: unknown, path: string): void {
  if (cost === undefined || typeof cost === "function") return;
  if (!isObject(cost))
    throw configError(path, "amounts by type, or a function that tells them", cost);
  for (const [type, amount] of Object.entries(cost)) {
    parseInteger(amount, `${path}.${type}`, "units", 0, Number.MAX_SAFE_INTEGER);
  }
}

/** The cost of one call: `count` is 1 unless named. */
export async function costOf<Args extends Arguments>(
  cost: Told<Cost, Args> | undefined,
  args: Args,
): Promise<Cost | undefined> {
  if (cost === undefined) return undefined;
  const told = typeof cost === "function" ? await cost(...args) : cost;
  // A number or nothing, spread, would leave the call free of all it should cost.
  checkAmounts(told);
  return { count: 1, ...told };
}

const MOST_PRIORITY = 1_000_000;

/** Checks how a call waits. */
export function parseWait<Args extends Arguments>(
  wait: CallWait<Args> | undefined,
  path: string,
): Patience<Args> | undefined {
  if (wait === undefined) return undefined;
  const given: unknown = wait;
  if (!isObject(given)) throw configError(path, "an object", given);
  rejectUnknownKeys(given, ["maxWaitMs", "priority", "slowDown", "signal"], path);
  const { maxWaitMs, priority = 0, signal } = wait;
  if (maxWaitMs !== undefined) parseMaxWait(maxWaitMs, `${path}.maxWaitMs`);
  parseInteger(priority, `${path}.priority`, "an order", -MOST_PRIORITY, MOST_PRIORITY);
  if (signal !== undefined && typeof signal !== "function") {
    throw configError(`${path}.signal`, "a function that tells a call's signal", signal);
  }
  const slowDown = parseSlowDown(wait.slowDown, `${path}.slowDown`);
  return {
    options: {
      priority,
      ...(maxWaitMs === undefined ? {} : { maxWaitMs }),
      ...(slowDown === undefined ? {} : { slowDown }),
    },
    signalOf: (args) => {
      const told: unknown = signal?.(...args);
      if (told === undefined || told instanceof AbortSignal) return told;
      throw invalidArgument(`${path}.signal`, "an AbortSignal or undefined", told);
    },
  };
}
