import { systemClock } from "../clock.ts";
import type { Cost } from "../cost.ts";
import { type Decision, unlimited } from "../decision.ts";
import { rateLimitError } from "../errors.ts";
import type { Limiter } from "../limiter.ts";
import type { Subject } from "../subject.ts";
import { endingOf } from "./ending.ts";
import type { CallEstimate, CallSettlement, Grant } from "./metered-call.ts";
import { type LlmPolicy, parseOwnPolicy } from "./policy.ts";
import { reserveCall } from "./reserve.ts";
import { RunningCall } from "./running-call.ts";
import { watchResult } from "./watch-result.ts";

/** Options of `limiter.meter`. */
export interface MeterOptions {
  /** How the call is held and settled. @default as the limiter's `llm` option says */
  readonly policy?: LlmPolicy;
  /** The path the provider is called at, where the body does not tell API and model. */
  readonly path?: string;
  /** Amounts of types that are not tokens; `count` is 1 unless named. */
  readonly cost?: Cost;
  /** Told once how the call was settled. */
  readonly onSettled?: (settlement: CallSettlement) => void;
}

/** What the provider call of `limiter.meter` gets. */
export interface MeterContext<Body> {
  /** The body to send: with a lower output cap where limits have no room for the one asked for. */
  readonly body: Body;
  readonly grant: Grant | undefined;
  readonly estimate: CallEstimate;
  readonly decision: Decision;
}

/** Calls the provider. What it returns may hold usage, or be a stream of events that do. */
export type MeterCallback<Body, T> = (context: MeterContext<Body>) => T | PromiseLike<T>;

/** See `limiter.meter`. */
export async function meterCall<Body, T>(
  limiter: Limiter,
  subject: Subject,
  body: Body,
  call: MeterCallback<Body, T>,
  { policy, path, cost, onSettled }: MeterOptions = {},
  watch: (result: T, running: RunningCall) => Promise<T> = watchResult,
): Promise<T> {
  const metered = limiter.llm.call({
    subject,
    body,
    path,
    limits: limiter.limits,
    policy: parseOwnPolicy(policy, "policy", limiter.llm.policy),
  });
  const decision = limiter.enabled
    ? await reserveCall(metered, cost, (all) => limiter.reserve(subject, all))
    : unlimited(systemClock());
  if (!decision.allowed) throw rateLimitError(decision);
  const { grant, estimate } = metered;
  const context = { body: metered.granted(body), grant, estimate, decision };
  if (decision.reservation === undefined) return call(context);
  const running = new RunningCall(limiter, decision.reservation.id, metered, onSettled);
  let result: T;
  try {
    result = await call(context);
  } catch (error) {
    await running.end(endingOf(error));
    throw error;
  }
  return watch(result, running);
}
