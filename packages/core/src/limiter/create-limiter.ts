import { configError } from "../errors.ts";
import { Announcer } from "../events.ts";
import type { Limiter } from "../limiter.ts";
import { LlmMeter } from "../llm/meter.ts";
import { memoryStore } from "../memory-store.ts";
import type { LimitInput } from "../policy/limit-input.ts";
import { ConfiguredPlan, noPlan, planOf } from "../policy/plan-source.ts";
import type { Store, SyncStore } from "../store.ts";
import { PolicyLookup } from "../tiers/policy-lookup.ts";
import { WaitingCalls } from "../waiting/waiting-calls.ts";
import { type LimiterOptions, parseLimiterOptions, parseStore } from "./limiter-options.ts";
import { closing, type LimiterParts } from "./limiter-parts.ts";
import { LookedUpLimiter } from "./looked-up-limiter.ts";
import { OpenCalls } from "./open-calls.ts";
import { Reporter } from "./reporter.ts";
import { StoreAccess } from "./store-access.ts";
import { StoreLimiter } from "./store-limiter.ts";
import { Thresholds } from "./thresholds.ts";

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
  options: LimiterOptions & {
    readonly limits?: readonly LimitInput[];
    readonly store?: SyncStore;
  },
): Limiter<"sync">;
export function createLimiter(options: LimiterOptions): Limiter<"async">;
export function createLimiter(options: LimiterOptions): Limiter<"sync"> | Limiter<"async"> {
  const settings = parseLimiterOptions(options);
  const { name, scope, enabled } = settings;
  const { limits, lookup } = options;
  if (lookup !== undefined && typeof limits !== "function") {
    throw configError("lookup", "nothing unless limits is a function", lookup);
  }
  const needed = enabled || limits !== undefined;
  const configured =
    typeof limits === "function"
      ? undefined
      : new ConfiguredPlan(name, scope, needed ? { limits } : undefined);
  const given = parseStore(options.store);
  const llm = new LlmMeter(options.llm);
  const store = given ?? memoryStore();
  const freeName = claimName(store, name);
  const announcer = new Announcer();
  for (const listener of settings.listeners) announcer.add(listener);
  const stopEvictions = announceEvictions(store, name, announcer);
  const access = new StoreAccess(store, name, announcer);
  const waiting = new WaitingCalls(settings.waiting);
  const calls = new OpenCalls(Math.max(1, settings.leaseMs / 3), (id) => limiter.renew(id));
  const parts: LimiterParts = {
    settings,
    access,
    reporter: new Reporter(name, announcer, new Thresholds(settings.thresholds)),
    calls,
    waiting,
    llm,
    pastTypes: new Set(),
    close: closing(access, calls, waiting, () => {
      freeName();
      stopEvictions();
      return given === undefined ? store.close() : undefined;
    }),
  };
  let limiter: Limiter<"async">;
  try {
    limiter = configured === undefined ? lookedUp(options, parts) : fixed(configured, parts);
  } catch (error) {
    // Frees the name, so that a corrected configuration can have it.
    void parts.close();
    throw error;
  }
  return limiter;
}

const fixed = (plan: ConfiguredPlan, parts: LimiterParts): StoreLimiter =>
  new StoreLimiter(plan.current, parts, (changes) => {
    plan.replace(changes);
  });

function lookedUp({ limits, lookup }: LimiterOptions, parts: LimiterParts): LookedUpLimiter {
  const { name, scope, waiting } = parts.settings;
  if (typeof limits !== "function") throw configError("limits", "a function", limits);
  const policies = new PolicyLookup(
    limits,
    lookup,
    (policy) => {
      const plan = planOf(name, scope, policy);
      return new StoreLimiter(() => plan, parts);
    },
    waiting.scheduler,
    (error) => {
      parts.reporter.tell({ type: "lookupFailure", limiter: name, error });
    },
  );
  const nothing = noPlan(name);
  return new LookedUpLimiter(policies, parts, new StoreLimiter(() => nothing, parts));
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
