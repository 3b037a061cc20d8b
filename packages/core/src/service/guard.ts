import { CONCURRENCY, type Cost } from "../cost.ts";
import { configError } from "../errors.ts";
import type { Limiter } from "../limiter.ts";
import { isObject, rejectUnknownKeys } from "../parse.ts";
import type { MaybePromise } from "../store.ts";
import type { Subject } from "../subject.ts";
import { admit } from "./admit.ts";
import {
  type Arguments,
  type CallWait,
  checkCostOption,
  checkSubjectOption,
  costOf,
  parseWait,
  type Patience,
  type Told,
} from "./call-options.ts";
import { Hold } from "./hold.ts";

/** Any function. */
export type AnyFunction = (...args: never) => unknown;

/** A function of which nothing is known but that it can be called. */
export type Callable = (...args: Arguments) => unknown;

/** The type of a guarded function: unchanged, unless it did not return a promise before. */
export type Guarded<F extends AnyFunction> =
  Promise<Awaited<ReturnType<F>>> extends ReturnType<F>
    ? F
    : (this: ThisParameterType<F>, ...args: Parameters<F>) => Promise<Awaited<ReturnType<F>>>;

/** Options of `guard`. Its functions are called with the arguments of the guarded call. */
export interface GuardOptions<F extends AnyFunction> {
  /** Who is charged. */
  readonly subject: Told<Subject, Parameters<F>>;
  /** What a call is charged before it runs; `count` is 1 unless named. @default { count: 1 } */
  readonly cost?: Told<Cost, Parameters<F>>;
  /**
   * What a call that returned really cost: with it, `cost` is held while the call runs. Types it
   * leaves out stay as held, all of them when it tells nothing. What it throws the call throws too,
   * and is charged as held.
   */
  readonly settle?: (
    result: Awaited<ReturnType<F>>,
    ...args: Parameters<F>
  ) => MaybePromise<Cost | undefined>;
  /**
   * What a call cost that failed. `keep`: as much as one that did not, since it may have spent before
   * it failed; `release`: nothing; or a function of the error that tells it. @default 'keep'
   */
  readonly onError?:
    | "keep"
    | "release"
    | ((error: unknown, ...args: Parameters<F>) => MaybePromise<Cost | undefined>);
  /** Waits for room instead of being refused at once. @default does not wait */
  readonly wait?: CallWait<Parameters<F>>;
}

/** {@link GuardOptions}, checked. */
export type GuardPolicy = Omit<GuardOptions<Callable>, "wait"> & {
  readonly wait: Patience<Arguments> | undefined;
};

/** Checks the options of a guard. @param path where they stand, for the message */
export function parseGuardOptions(
  options: GuardOptions<Callable> | undefined,
  path: string,
): GuardPolicy {
  const at = (name: string): string => (path === "" ? name : `${path}.${name}`);
  if (!isObject(options)) throw configError(path === "" ? "options" : path, "an object", options);
  rejectUnknownKeys(options, ["subject", "cost", "settle", "onError", "wait"], path);
  const { subject, cost, settle, onError = "keep" } = options;
  checkSubjectOption(subject, at("subject"));
  checkCostOption(cost, at("cost"));
  if (settle !== undefined && typeof settle !== "function") {
    throw configError(at("settle"), "a function that tells the cost from the result", settle);
  }
  if (onError !== "keep" && onError !== "release" && typeof onError !== "function") {
    throw configError(
      at("onError"),
      '"keep", "release" or a function that tells the cost',
      onError,
    );
  }
  return { ...options, wait: parseWait(options.wait, at("wait")) };
}

/**
 * Puts a function within the limits: a call is decided on before it runs, and always returns a
 * promise. A result that streams is settled when it is returned; `limiter.meter` follows it.
 *
 * @example
 * const send = guard(limiter, sendMail, { subject: (mail) => mail.from })
 * await send(mail) // throws when refused; see `isRateLimitError`
 *
 * @throws TollgateError `INVALID_CONFIG`; the function throws `REFUSED`, with the decision
 */
export function guard<F extends AnyFunction>(
  limiter: Limiter,
  fn: F,
  options: GuardOptions<F>,
): Guarded<F>;
export function guard(limiter: Limiter, fn: Callable, options: GuardOptions<Callable>): Callable {
  if (typeof fn !== "function") throw configError("fn", "a function", fn);
  const policy = parseGuardOptions(options, "");
  // A proxy, since a wrapper would lack the function's name, length and properties.
  return new Proxy(fn, {
    apply: (target, self: unknown, args: Arguments) =>
      runGuarded(limiter, policy, args, () => Reflect.apply(target, self, args)),
  });
}

/** Runs one call within the limits. */
export async function runGuarded(
  limiter: Limiter,
  policy: GuardPolicy,
  args: Arguments,
  run: () => unknown,
): Promise<unknown> {
  const { cost, wait, settle, onError = "keep" } = policy;
  const subject =
    typeof policy.subject === "function" ? await policy.subject(...args) : policy.subject;
  const entering = { subject, cost: await costOf(cost, args), args, wait };
  // Limits may be another subject's, or be exchanged, from one call to the next.
  const own = await limiter.forSubject(subject);
  const holds = settle !== undefined || onError !== "keep" || takesSlots(own);
  const decision = await admit(own, { ...entering, reserve: holds ? {} : undefined });
  if (decision.reservation === undefined) return run();
  const hold = new Hold(own, decision.reservation.id);
  let result: unknown;
  try {
    result = await run();
  } catch (error) {
    if (onError === "release") await hold.release();
    else await hold.settle(() => (onError === "keep" ? undefined : onError(error, ...args)));
    throw error;
  }
  await hold.settle(() => settle?.(result, ...args));
  return result;
}

const takesSlots = ({ limits }: Limiter): boolean =>
  limits.some(({ type }) => type === CONCURRENCY);
