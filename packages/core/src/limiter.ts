import type { Cost } from "./cost.ts";
import type { Decision, Usage } from "./decision.ts";
import { configError } from "./errors.ts";
import { Announcer, type Listener } from "./events.ts";
import type { MeterCallback, MeterOptions } from "./llm/in-process.ts";
import { LlmMeter, type LlmOptions } from "./llm/meter.ts";
import type { UsageSource } from "./llm/tokens.ts";
import { memoryStore } from "./memory-store.ts";
import { type OpenCall, OpenCalls } from "./open-calls.ts";
import type { LimitOverrides } from "./override.ts";
import { compilePlan, type Plan } from "./plan.ts";
import { isObject, type LimitInput, parseLimits, parseWord, rejectUnknownKeys } from "./policy.ts";
import { DEFAULT_LEASE_MS } from "./reservation.ts";
import { StoreLimiter } from "./store-limiter.ts";
import type { MaybePromise, SettlementReply, Store, SyncStore } from "./store.ts";
import type { Subject } from "./subject.ts";

/** Whether a limiter answers at once or may need to be awaited; follows from its store. */
export type Mode = "sync" | "async";

/** A value on a synchronous store, a value or a promise on any other. `await` is right for both. */
export type Answer<M extends Mode, T> = M extends "sync" ? T : MaybePromise<T>;

/** Options of {@link createLimiter}. */
export interface LimiterOptions {
  /** What may be spent. At least one, unless `enabled` is false. */
  readonly limits?: readonly LimitInput[];
  /** Where usage is kept. @default a new `memoryStore()` */
  readonly store?: Store;
  /** Part of every key: limiters on one store need different names. @default 'default' */
  readonly name?: string;
  /** The scope of limits that name none. @default 'caller' */
  readonly scope?: string;
  /** `false` admits everything and charges nothing. @default true */
  readonly enabled?: boolean;
  /** How LLM calls are estimated, measured and priced. */
  readonly llm?: LlmOptions;
  /** Told about every decision, settlement and failure. More can be added with `subscribe`. */
  readonly onEvent?: Listener | readonly Listener[];
}

/** Options of `reserve`. */
export interface ReserveOptions {
  /**
   * Makes the call idempotent within the subject: reserving again with the same id and cost repeats
   * the answer without a second charge; with another cost it is a `RESERVATION_CONFLICT`.
   */
  readonly id?: string;
  /** How long the call is believed to run. 1 ms to a day. @default 300_000 */
  readonly leaseMs?: number;
}

/** Options of `settle`. */
export interface SettleOptions {
  /** Where the cost comes from; told to listeners. @default 'measured' */
  readonly source?: UsageSource;
}

/** Options of `close`. */
export interface CloseOptions {
  /** How long to wait for the settlements of calls that are still running. @default 5000 */
  readonly timeoutMs?: number;
}

/** Options of `reset`. */
export interface ResetOptions {
  /** Only these scopes. @default every scope the subject has an id for, `global` excepted */
  readonly scopes?: readonly string[];
}

/** How a reservation ended. */
export type SettlementOutcome = Omit<SettlementReply, "forgiven">;

/** Meters calls against limits. All methods check their arguments before the store is asked. */
export interface Limiter<M extends Mode = Mode> {
  readonly name: string;
  readonly enabled: boolean;
  /** The limits in force, checked and with their names. */
  readonly limits: Plan["limits"];
  /** Whether answers are plain values. */
  readonly synchronous: boolean;
  /** What `checkAndRecord` would answer. Records nothing. */
  readonly check: (subject: Subject, cost?: Cost) => Answer<M, Decision>;
  /** Charges what was spent, whatever the limits say; above them it is debt. */
  readonly record: (subject: Subject, cost: Cost) => Answer<M, readonly Usage[]>;
  /** Charges every limit if every limit has room, else none. */
  readonly checkAndRecord: (subject: Subject, cost?: Cost) => Answer<M, Decision>;
  /** `checkAndRecord` for a call whose real cost is known later; see `settle`. */
  readonly reserve: (
    subject: Subject,
    cost?: Cost,
    options?: ReserveOptions,
  ) => Answer<M, Decision>;
  /** Replaces what a reservation holds by what the call really cost. Types left out keep the hold. */
  readonly settle: (
    reservationId: string,
    cost: Cost,
    options?: SettleOptions,
  ) => Answer<M, SettlementOutcome>;
  /** Gives back all that a reservation holds: the call never ran. */
  readonly release: (reservationId: string) => Answer<M, SettlementOutcome>;
  /** Moves the end of a reservation's lease to `leaseMs` from now; false when it has ended. */
  readonly renew: (reservationId: string, leaseMs?: number) => Answer<M, boolean>;
  /** How every limit that applies to the subject stands. */
  readonly usage: (subject: Subject) => Answer<M, readonly Usage[]>;
  /** Forgets the usage of these ids. */
  readonly reset: (subject: Subject, options?: ResetOptions) => Answer<M, void>;
  /** Removes what expired at or before `beforeMs` and counts its cells. @default now */
  readonly resetExpired: (beforeMs?: number) => Answer<M, number>;
  /**
   * The same limiter with other numbers for some calls, on the same usage: limits are changed by
   * their name, and added ones need one.
   */
  readonly override: (overrides: LimitOverrides) => Limiter<M>;
  /** Tells `listener` about every event until the returned function is called. */
  readonly subscribe: (listener: Listener) => () => void;
  /** The limiter's way of estimating and measuring LLM calls, with what it has learned. */
  readonly llm: LlmMeter;
  /**
   * Runs one LLM call within the limits: estimates it from its request body, reserves, calls, and
   * settles from the usage in what the call returns, which may be a stream.
   * @throws TollgateError `REFUSED` when the limits refuse; see `isRateLimitError`
   */
  readonly meter: <Body, T>(
    subject: Subject,
    body: Body,
    call: MeterCallback<Body, T>,
    options?: MeterOptions,
  ) => Promise<T>;
  /**
   * Renews the lease of a running call until the returned function is called, and ends the call
   * when the limiter is closed before that.
   */
  readonly track: (call: OpenCall) => () => void;
  /**
   * Ends the use of the limiter: settles what is still running, frees its name, and closes the store
   * if it made it. On a store that answers later it waits for that, up to `timeoutMs`.
   */
  readonly close: (options?: CloseOptions) => Answer<M, void>;
}

const optionNames = ["limits", "store", "name", "scope", "enabled", "llm", "onEvent"];
const storeMethods = ["apply", "settle", "renew", "forget", "sweep", "close"] as const;

const isStore = (value: unknown): value is Store =>
  isObject(value) && storeMethods.every((method) => typeof value[method] === "function");

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

// Two limiters of one name would share records and charge each other's usage.
const namesInUse = new WeakMap<Store, Set<string>>();

function claimName(store: Store, name: string): () => void {
  const names = namesInUse.get(store) ?? new Set();
  namesInUse.set(store, names);
  if (names.has(name)) {
    throw configError("name", "a name that no other limiter has on this store", name);
  }
  names.add(name);
  return () => {
    names.delete(name);
  };
}

/**
 * Creates a limiter. Everything is checked here, nothing per call.
 *
 * @example
 * const limiter = createLimiter({ limits: [{ type: 'count', window: 'minute', limit: 60 }] })
 * const decision = limiter.checkAndRecord('alice')
 *
 * @throws TollgateError `INVALID_CONFIG`, with the path of the offending value
 */
export function createLimiter(
  options: LimiterOptions & { readonly store?: SyncStore },
): Limiter<"sync">;
export function createLimiter(options: LimiterOptions): Limiter<"async">;
export function createLimiter(options: LimiterOptions): Limiter<"sync"> | Limiter<"async"> {
  const llmOptions = options?.llm;
  if (!isObject(options)) throw configError("options", "an object", options);
  rejectUnknownKeys(options, optionNames, "");
  const { enabled = true, name = "default", scope = "caller" } = options;
  if (typeof enabled !== "boolean") throw configError("enabled", "true or false", enabled);
  const limiterName = parseWord(name, "name", "a limiter's name");
  const standardScope = parseWord(scope, "scope", "a scope such as user");
  const needed = enabled || options.limits !== undefined;
  const limits = needed ? parseLimits(options.limits, "limits", standardScope) : [];
  const listeners = parseListeners(options.onEvent);
  if (options.store !== undefined && !isStore(options.store)) {
    throw configError("store", "a store, such as memoryStore()", options.store);
  }
  const llm = new LlmMeter(llmOptions);
  const store = options.store ?? memoryStore();
  const freeName = claimName(store, limiterName);
  const announcer = new Announcer();
  for (const listener of listeners) announcer.add(listener);
  const stopEvictions = announceEvictions(store, limiterName, announcer);
  const limiter: StoreLimiter = new StoreLimiter(compilePlan(limiterName, limits), {
    store,
    announcer,
    enabled,
    scope: standardScope,
    llm,
    calls: new OpenCalls(DEFAULT_LEASE_MS / 3, (id) => limiter.renew(id)),
    closing: false,
    closed: false,
    end: () => {
      freeName();
      stopEvictions();
      return options.store === undefined ? store.close() : undefined;
    },
  });
  return limiter;
}

// A store may serve several limiters; each tells about its own records only.
function announceEvictions(store: Store, limiter: string, announcer: Announcer): () => void {
  const prefix = `${limiter}:`;
  const stop = store.onEviction?.(({ space, refusing }) => {
    if (!space.startsWith(prefix)) return;
    const scope = space.slice(prefix.length).replace("!", "");
    announcer.tell({ type: "evicted", limiter, scope, refusing });
  });
  return stop ?? (() => undefined);
}
