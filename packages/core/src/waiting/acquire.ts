import type { Scheduler } from "../clock.ts";
import type { Decision, LoneBatch } from "../decision.ts";
import { statesOf, StoreDecision } from "../decision.ts";
import type { Decider } from "../limiter/decider.ts";
import type { Reporter } from "../limiter/reporter.ts";
import { next } from "../maybe-promise.ts";
import type { MaybePromise } from "../store.ts";
import { delayFor, type SlowDown } from "./slow-down.ts";
import { attemptOf, cellsOf, type WaitingCalls } from "./waiting-calls.ts";
import type { Attempt, Waited } from "./waiting-room.ts";

/** A call that would rather wait than be refused. */
export interface PatientCall {
  /** What to ask, made anew for each attempt: limits may change while a call waits. */
  readonly batch: () => LoneBatch;
  /** The same without charging. */
  readonly look: () => LoneBatch;
  readonly subject: string;
  readonly priority: number;
  readonly maxWaitMs: number;
  readonly signal: AbortSignal | undefined;
  readonly slowDown: Required<SlowDown> | undefined;
  /** Gives back what a call holds that nobody waits for any more. */
  readonly release: (reservationId: string) => MaybePromise<unknown>;
  /** Has the lease of a call renewed that is admitted and does not run yet. */
  readonly track: (reservationId: string) => () => void;
}

/** Waits for room, and then as long as `slowDown` says. Rejects with the signal's reason. */
export async function acquire(
  call: PatientCall,
  decider: Decider,
  waiting: WaitingCalls,
  reporter: Reporter,
  scheduler: Scheduler,
): Promise<Decision> {
  const { signal, slowDown } = call;
  waiting.use();
  signal?.throwIfAborted();
  const { decision } = await enter(call, decider, waiting, reporter, scheduler);
  const { reservation } = decision;
  // What an earlier call with the same id holds is not this one's to give back.
  const own = reservation !== undefined && !isRepeated(decision) ? reservation.id : undefined;
  if (decision.allowed && slowDown !== undefined) {
    const delayMs = delayFor(decision.usages, slowDown);
    const untrack = own === undefined ? undefined : call.track(own);
    await waiting.pauses.pass(delayMs, scheduler, signal);
    untrack?.();
  }
  if (signal?.aborted !== true) return decision;
  try {
    if (own !== undefined) await call.release(own);
  } catch {
    // Told elsewhere; it ends with its lease.
  }
  throw signal.reason;
}

const isRepeated = (decision: Decision): boolean =>
  decision instanceof StoreDecision && decision.reply.repeated;

async function enter(
  call: PatientCall,
  decider: Decider,
  waiting: WaitingCalls,
  reporter: Reporter,
  scheduler: Scheduler,
): Promise<Waited<Decision>> {
  const enteredMs = scheduler.now();
  const first = call.batch();
  const attempt = (batch: LoneBatch): MaybePromise<Attempt<Decision>> =>
    next(decider.decideQuietly(batch), (decision) => {
      // Refusals are told once, when there is nothing more to wait for.
      if (decision.allowed && reporter.heard && batch.operations[0].mode !== "check") {
        reporter.decided(decision);
      }
      return attemptOf(batch, decision);
    });
  let batch: LoneBatch | undefined = first;
  const ask = (): MaybePromise<Attempt<Decision>> => {
    const asked = batch ?? call.batch();
    batch = undefined;
    return attempt(asked);
  };
  const { subject, priority, maxWaitMs, signal } = call;
  const cells = cellsOf(first);
  const look = (): MaybePromise<Attempt<Decision>> => attempt(call.look());
  let waited: Waited<Decision>;
  try {
    waited = await waiting.room.enter({ subject, cells, priority, maxWaitMs, signal, ask, look });
  } catch (error) {
    if (signal?.aborted === true) reporter.waited("abandoned", scheduler.now() - enteredMs);
    throw error;
  }
  if ((waited.queued && maxWaitMs > 0) || waited.outcome === "overflowed") {
    reporter.waited(waited.outcome, waited.waitedMs);
  }
  if (waited.outcome === "admitted") return waited;
  const decision = turnedAway(waited);
  if (reporter.heard) reporter.turnedAway(decision, first);
  return { ...waited, decision };
}

const reasons = {
  refused: "others are waiting for longer than the call may",
  overflowed: "too many calls are waiting already",
  timedOut: "the call has waited as long as it may",
  closed: "the limiter has been closed",
} as const;

/**
 * The decision for a call that was not let in. Where its limits would have room by now, or were not
 * asked because others were waiting, it was refused for the others' sake.
 */
function turnedAway({ outcome, decision, retryAfterMs }: Waited<Decision>): Decision {
  if (!decision.allowed || outcome === "admitted") return decision;
  return new RefusedForOthers(decision, reasons[outcome], retryAfterMs);
}

/** A decision that limits alone would have made otherwise. */
class RefusedForOthers implements Decision {
  readonly outcome = "refused";
  readonly allowed = false;
  readonly refusedBy: readonly string[] = [];
  readonly refusals: Decision["refusals"] = [];
  readonly reservation = undefined;
  readonly blockedUntilMs = undefined;
  readonly deniedBy = undefined;
  readonly reason: string;
  readonly retryAfterMs: number;
  readonly usages: Decision["usages"];
  readonly shadowRefusals: Decision["shadowRefusals"];
  readonly decidedAtMs: number;
  readonly states: ReturnType<typeof statesOf>;

  constructor(decision: Decision, reason: string, retryAfterMs: number | undefined) {
    this.reason = reason;
    this.retryAfterMs = Math.max(1, retryAfterMs ?? 1);
    this.usages = decision.usages;
    this.shadowRefusals = decision.shadowRefusals;
    this.decidedAtMs = decision.decidedAtMs;
    this.states = statesOf(decision);
  }
}
