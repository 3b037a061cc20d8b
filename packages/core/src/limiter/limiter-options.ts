import { systemScheduler, type Scheduler } from "../clock.ts";
import { configError } from "../errors.ts";
import type { Listener } from "../events.ts";
import type { LlmOptions } from "../llm/meter.ts";
import { isObject, parseInteger, parseWord, rejectUnknownKeys } from "../parse.ts";
import type { LimitInput } from "../policy/limit-input.ts";
import { DEFAULT_LEASE_MS, MAX_LEASE_MS } from "../reservation.ts";
import type { Store } from "../store.ts";
import type { LimitsFunction, LookupOptions } from "../tiers/policy-lookup.ts";
import { AccessLists, type AccessList } from "./access-lists.ts";
import { parseThresholds } from "./thresholds.ts";

/** How calls wait that ask for it; see `Limiter.acquire`. */
export interface WaitingOptions {
  /** The longest wait of a call that names none: 1 ms to a day. @default 30_000 */
  readonly maxWaitMs?: number;
  /** The most calls of one subject that wait at a time. @default 100 */
  readonly maxPerSubject?: number;
  /** The most calls that wait at a time. @default 10_000 */
  readonly maxWaiting?: number;
  /**
   * How often a slot is asked for that another process may have vacated: 1 ms to a minute. Those
   * that this process vacates are noticed at once.
   * @default 500
   */
  readonly recheckMs?: number;
  /** Where delays come from. @default the timers of this process */
  readonly scheduler?: Scheduler;
}

/** Options of `createLimiter`. */
export interface LimiterOptions {
  /** What may be spent: limits, or a function that tells each subject's. Needed unless `enabled` is false. */
  readonly limits?: readonly LimitInput[] | LimitsFunction;
  /** How `limits` is asked where it is a function. */
  readonly lookup?: LookupOptions;
  /** Where usage is kept. @default a new `memoryStore()` */
  readonly store?: Store;
  /** Part of every key: limiters on one store need different names. @default 'default' */
  readonly name?: string;
  /** The scope of limits that name none. @default 'caller' */
  readonly scope?: string;
  /** `false` admits everything and charges nothing. @default true */
  readonly enabled?: boolean;
  /** Subjects that no limit concerns, by scope. Who is also on `deny` is refused. */
  readonly allow?: AccessList;
  /** Subjects that are refused whatever the limits say, by scope. */
  readonly deny?: AccessList;
  /** Percentages of a limit at which a `threshold` event is told, each above 0. @default none */
  readonly thresholds?: readonly number[];
  /** How long a call is believed to run unless `reserve` says so: 1 ms to a day. @default 300_000 */
  readonly leaseMs?: number;
  /** How calls wait that ask for it. */
  readonly waiting?: WaitingOptions;
  /** How LLM calls are estimated, measured and priced. */
  readonly llm?: LlmOptions;
  /** Told about every decision, settlement and failure. More can be added with `subscribe`. */
  readonly onEvent?: Listener | readonly Listener[];
}

/** The names of {@link LimiterOptions}. */
export const limiterOptionNames: readonly string[] = [
  "limits",
  "lookup",
  "store",
  "name",
  "scope",
  "enabled",
  "allow",
  "deny",
  "thresholds",
  "leaseMs",
  "waiting",
  "llm",
  "onEvent",
];

/** {@link LimiterOptions}, but for limits and store, with nothing left open. */
export interface LimiterSettings {
  readonly enabled: boolean;
  readonly name: string;
  readonly scope: string;
  readonly lists: AccessLists;
  readonly thresholds: readonly number[];
  readonly leaseMs: number;
  readonly waiting: Required<WaitingOptions>;
  readonly listeners: readonly Listener[];
}

const storeMethods = [
  "apply",
  "settle",
  "renew",
  "forget",
  "sweep",
  "reservations",
  "close",
] as const;

const isStore = (value: unknown): value is Store =>
  isObject(value) && storeMethods.every((method) => typeof value[method] === "function");

/** Checks the `store` option. */
export function parseStore(value: unknown): Store | undefined {
  if (value === undefined || isStore(value)) return value;
  throw configError("store", "a store, such as memoryStore()", value);
}

const isListener = (value: unknown): value is Listener => typeof value === "function";

function parseListeners(value: unknown): readonly Listener[] {
  const listeners: readonly unknown[] =
    value === undefined ? [] : Array.isArray(value) ? value : [value];
  return listeners.map((listener, index) => {
    if (isListener(listener)) return listener;
    throw configError(
      Array.isArray(value) ? `onEvent[${String(index)}]` : "onEvent",
      "a function",
      listener,
    );
  });
}

const isScheduler = (value: unknown): value is Scheduler =>
  isObject(value) && typeof value["now"] === "function" && typeof value["after"] === "function";

const waitingNames = ["maxWaitMs", "maxPerSubject", "maxWaiting", "recheckMs", "scheduler"];

function parseWaiting(value: unknown): Required<WaitingOptions> {
  const options = value === undefined ? {} : value;
  if (!isObject(options)) throw configError("waiting", "an object", value);
  rejectUnknownKeys(options, waitingNames, "waiting");
  const { maxWaitMs = 30_000, maxPerSubject = 100, maxWaiting = 10_000 } = options;
  const { recheckMs = 500, scheduler = systemScheduler } = options;
  if (!isScheduler(scheduler)) {
    throw configError("waiting.scheduler", "a scheduler with now and after", scheduler);
  }
  const most = 10_000_000;
  return {
    maxWaitMs: parseMaxWait(maxWaitMs, "waiting.maxWaitMs"),
    maxPerSubject: parseInteger(maxPerSubject, "waiting.maxPerSubject", "calls", 1, most),
    maxWaiting: parseInteger(maxWaiting, "waiting.maxWaiting", "calls", 1, most),
    recheckMs: parseInteger(recheckMs, "waiting.recheckMs", "milliseconds", 1, 60_000),
    scheduler,
  };
}

/** Checks how long a call may wait. */
export const parseMaxWait = (value: unknown, path: string): number =>
  parseInteger(value, path, "milliseconds", 1, MAX_LEASE_MS);

/** Checks the options and fills in what they leave open. */
export function parseLimiterOptions(options: LimiterOptions): LimiterSettings {
  if (!isObject(options)) throw configError("options", "an object", options);
  rejectUnknownKeys(options, limiterOptionNames, "");
  const { enabled = true, name = "default", scope = "caller", allow, deny } = options;
  const { leaseMs = DEFAULT_LEASE_MS } = options;
  if (typeof enabled !== "boolean") throw configError("enabled", "true or false", enabled);
  return {
    enabled,
    name: parseWord(name, "name", "a limiter's name"),
    scope: parseWord(scope, "scope", "a scope such as user"),
    lists: new AccessLists(allow, deny),
    thresholds: parseThresholds(options.thresholds),
    leaseMs: parseInteger(leaseMs, "leaseMs", "milliseconds", 1, MAX_LEASE_MS),
    waiting: parseWaiting(options.waiting),
    listeners: parseListeners(options.onEvent),
  };
}
