import type { Cost } from "./cost.ts";
import type { Decision, Usage } from "./decision.ts";
import { isTollgateError } from "./errors.ts";
import type { UsageSource } from "./llm/tokens.ts";

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
    | "reserve"
    | "settle"
    | "renew"
    | "forget"
    | "sweep";
  readonly error: unknown;
}

/** Everything a limiter tells about its work. */
export type LimiterEvent =
  | DecisionEvent
  | RecordedEvent
  | SettlementEvent
  | ForgivenEvent
  | EvictedEvent
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
