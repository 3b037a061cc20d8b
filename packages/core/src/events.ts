import type { Cost } from "./cost.ts";
import type { Decision } from "./decision.ts";
import { isTollgateError } from "./errors.ts";
import type { UsageSource } from "./llm/tokens.ts";
import type { Refusal } from "./refusal.ts";
import type { Usage } from "./usage.ts";

interface EventBase {
  /** The limiter's name. */
  readonly limiter: string;
}

/** A call was decided, by `checkAndRecord` or `reserve`. `check` makes no event. */
export interface DecisionEvent extends EventBase {
  readonly type: "admitted" | "refused" | "impossible";
  readonly decision: Decision;
  readonly cost: Cost;
}

/** Usage was charged unconditionally. */
export interface RecordedEvent extends EventBase {
  readonly type: "recorded";
  readonly cost: Cost;
  readonly usages: readonly Usage[];
}

/** Usage was corrected by `adjust`. */
export interface AdjustedEvent extends EventBase {
  readonly type: "adjusted";
  /** By type; negative where it was given back. */
  readonly cost: Cost;
  readonly usages: readonly Usage[];
}

/** A subject was blocked, or its block lifted. */
export interface BlockedEvent extends EventBase {
  readonly type: "blocked";
  /** In epoch ms; `undefined` when the block was lifted. */
  readonly untilMs: number | undefined;
  /** Of the subject, which the ids in them tell. */
  readonly usages: readonly Usage[];
}

/** A shadow limit would have refused the call, which was decided without it. */
export interface ShadowRefusedEvent extends EventBase {
  readonly type: "shadowRefused";
  /** The shadow limit's name. */
  readonly limit: string;
  readonly refusal: Refusal;
  readonly decision: Decision;
}

/** Usage has passed one of the limiter's `thresholds`. */
export interface ThresholdEvent extends EventBase {
  readonly type: "threshold";
  /** The limit's name. */
  readonly limit: string;
  /** In percent of the limit. */
  readonly threshold: number;
  readonly usage: Usage;
}

/** A call that had to wait waits no longer. */
export interface WaitedEvent extends EventBase {
  readonly type: "waited";
  /**
   * - `admitted`: in the end there was room.
   * - `refused`: there would be none in time.
   * - `timedOut`: its time was over.
   * - `overflowed`: too many were waiting already.
   * - `abandoned`: whoever made the call went away.
   * - `closed`: the limiter was closed.
   */
  readonly outcome: "admitted" | "refused" | "timedOut" | "overflowed" | "abandoned" | "closed";
  readonly waitedMs: number;
}

/** What a subject may spend could not be found out. */
export interface LookupFailureEvent extends EventBase {
  readonly type: "lookupFailure";
  readonly error: unknown;
}

/** The limiter has other limits from now on. */
export interface ReconfiguredEvent extends EventBase {
  readonly type: "reconfigured";
}

/** A reservation ended. Only the call that booked it makes the event, however often it is repeated. */
export interface SettlementEvent extends EventBase {
  readonly type: "settled" | "released";
  readonly reservationId: string;
  readonly held: Cost;
  readonly cost: Cost;
  /** Where the cost comes from. Settled by hand, without saying so, it is `measured`. */
  readonly source: UsageSource;
}

/** Debt beyond what one further window can repay, which therefore never will be. */
export interface ForgivenEvent extends EventBase {
  readonly type: "forgiven";
  /** The limit's name. */
  readonly limit: string;
  readonly amount: number;
}

/** The store removed a subject's usage for want of room. */
export interface EvictedEvent extends EventBase {
  readonly type: "evicted";
  readonly scope: string;
  /** Whether a limit was refusing the subject, which now has fresh quota. */
  readonly refusing: boolean;
}

/** The store could not answer. */
export interface StoreFailureEvent extends EventBase {
  readonly type: "storeFailure";
  readonly operation:
    | "check"
    | "take"
    | "force"
    | "adjust"
    | "block"
    | "reserve"
    | "settle"
    | "renew"
    | "forget"
    | "sweep"
    | "reservations";
  readonly error: unknown;
}

/** Everything a limiter tells about its work. */
export type LimiterEvent =
  | DecisionEvent
  | ShadowRefusedEvent
  | RecordedEvent
  | AdjustedEvent
  | BlockedEvent
  | SettlementEvent
  | ForgivenEvent
  | ThresholdEvent
  | WaitedEvent
  | EvictedEvent
  | ReconfiguredEvent
  | LookupFailureEvent
  | StoreFailureEvent;

/** Called synchronously; what it throws, or rejects with, is reported once and changes nothing. */
export type Listener = (event: LimiterEvent) => unknown;

/** Tells a set of listeners about events, and survives all of them. */
export class Announcer {
  readonly #listeners = new Set<Listener>();
  readonly #reported = new WeakSet<Listener>();

  /** Whether anybody listens; events are not even made otherwise. */
  get heard(): boolean {
    return this.#listeners.size > 0;
  }

  add(listener: Listener): () => void {
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
    };
  }

  tell(event: LimiterEvent): void {
    for (const listener of this.#listeners) {
      try {
        const result = listener(event);
        if (result instanceof Promise) {
          result.catch((error: unknown) => {
            this.#report(listener, error);
          });
        }
      } catch (error) {
        this.#report(listener, error);
      }
    }
  }

  #report(listener: Listener, error: unknown): void {
    if (this.#reported.has(listener)) return;
    this.#reported.add(listener);
    // The kind of error only: its message may hold ids.
    const kind = isTollgateError(error)
      ? error.code
      : error instanceof Error
        ? error.name
        : typeof error;
    process.emitWarning(
      `An event listener failed (${kind}). Decisions go on; further failures of it are not reported.`,
      { type: "TollgateWarning", code: "TOLLGATE_LISTENER" },
    );
  }
}
