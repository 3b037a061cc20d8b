import { configError } from "../errors.ts";
import type { Limiter } from "../limiter.ts";
import { isObject } from "../parse.ts";
import type { Arguments } from "./call-options.ts";
import {
  type AnyFunction,
  type Callable,
  type Guarded,
  type GuardOptions,
  type GuardPolicy,
  parseGuardOptions,
  runGuarded,
} from "./guard.ts";

type FunctionAt<S, K extends keyof S> = Extract<S[K], AnyFunction>;

/** The names of the methods of a service. */
export type MethodName<S> = {
  [K in keyof S]-?: [FunctionAt<S, K>] extends [never] ? never : K;
}[keyof S];

/** How the methods of a service are guarded that are. */
export type MethodOptions<S, K extends MethodName<S>> = {
  readonly [P in K]: GuardOptions<FunctionAt<S, P>>;
};

type Changed<S, K extends keyof S> = {
  [P in K]: FunctionAt<S, P> extends Guarded<FunctionAt<S, P>> ? never : P;
}[K];

/** The type of a rate-limited service: unchanged, unless a guarded method did not return a promise before. */
export type RateLimited<S, K extends keyof S> = [Changed<S, K>] extends [never]
  ? S
  : {
      [P in keyof S]: P extends Changed<S, K>
        ? Guarded<FunctionAt<S, P>> | Exclude<S[P], AnyFunction>
        : S[P];
    };

/**
 * A service with some of its methods within the limits, and else the same: what is read, written or
 * called on it is read, written or called on the service, whose methods see the service as `this`.
 * So a call from outside is charged once, whatever the service calls on itself.
 *
 * @example
 * const limited = rateLimited(
 *   sessions,
 *   { appendMessage: { subject: (sessionId) => ({ session: sessionId }) } },
 *   limiter,
 * )
 *
 * @throws TollgateError `INVALID_CONFIG`; a guarded method throws `REFUSED`, with the decision
 */
export function rateLimited<S extends object, K extends MethodName<S>>(
  service: S,
  methods: MethodOptions<S, K>,
  limiter: Limiter,
): RateLimited<S, K>;
export function rateLimited(
  service: object,
  methods: Readonly<Record<PropertyKey, GuardOptions<Callable>>>,
  limiter: Limiter,
): object {
  const policies = parseMethods(service, methods);
  const standIns = new Map<PropertyKey | undefined, WeakMap<Callable, Callable>>();
  const limited: object = new Proxy(shellOf(service, standInFor), {
    get(shell, key, receiver) {
      // Accessors do not find private fields on another `this` either.
      const value: unknown = Reflect.get(service, key, receiver === limited ? service : receiver);
      if (!isCallable(value) || key === "constructor") return value;
      // Where a proxy may not show another value than the property has.
      return isFixed(shell, key) ? Reflect.get(shell, key) : standInFor(key, value);
    },
    set: (_, key, value, receiver) =>
      Reflect.set(service, key, value, receiver === limited ? service : receiver),
  });
  return limited;

  /** What is shown in place of a method: always the same for the same. */
  function standInFor(key: PropertyKey, method: Callable): Callable {
    const policy = policies.get(key);
    const place = policy === undefined ? undefined : key;
    const known = standIns.get(place) ?? new WeakMap<Callable, Callable>();
    standIns.set(place, known);
    const standIn = known.get(method) ?? newStandIn(method, policy);
    known.set(method, standIn);
    return standIn;
  }

  function newStandIn(method: Callable, policy: GuardPolicy | undefined): Callable {
    return new Proxy(method, {
      apply(target, self: unknown, args: Arguments) {
        const run = (): unknown => {
          const result: unknown = Reflect.apply(target, self === limited ? service : self, args);
          // A method made for chaining would hand out the way around the limits.
          return result === service ? limited : result;
        };
        return policy === undefined ? run() : runGuarded(limiter, policy, args, run);
      },
    });
  }
}

const isCallable = (value: unknown): value is Callable => typeof value === "function";

/** Whether a property can never have another value. */
function isFixed(object: object, key: PropertyKey): boolean {
  const property = Reflect.getOwnPropertyDescriptor(object, key);
  return property?.configurable === false && property.writable === false;
}

function parseMethods(
  service: object,
  methods: Readonly<Record<PropertyKey, GuardOptions<Callable>>>,
): ReadonlyMap<PropertyKey, GuardPolicy> {
  const given: unknown = service;
  if ((typeof given !== "object" && typeof given !== "function") || given === null) {
    throw configError("service", "an object with methods", given);
  }
  const names = isObject(methods) ? Reflect.ownKeys(methods) : [];
  if (names.length === 0) throw configError("methods", "options by method name", methods);
  return new Map(
    names.map((name) => {
      const path = `methods.${String(name)}`;
      const method: unknown = Reflect.get(service, name);
      if (!isCallable(method)) throw configError(path, "a method of the service", method);
      if (isFixed(service, name) && !Object.isFrozen(service)) {
        throw configError(path, "a method that is not fixed, or a frozen service", method);
      }
      return [name, parseGuardOptions(methods[name], path)];
    }),
  );
}

/** What the proxy stands for: the service, or where nothing of it can be shown otherwise, its like. */
function shellOf(
  service: object,
  standInFor: (key: PropertyKey, method: Callable) => Callable,
): object {
  if (!Object.isFrozen(service)) return service;
  const shell: object = Object.create(Reflect.getPrototypeOf(service));
  for (const key of Reflect.ownKeys(service)) {
    const property = Reflect.getOwnPropertyDescriptor(service, key) ?? {};
    const value: unknown = property.value;
    const shown = isCallable(value) ? { ...property, value: standInFor(key, value) } : property;
    Reflect.defineProperty(shell, key, shown);
  }
  return Object.freeze(shell);
}
