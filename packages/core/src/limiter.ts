import type { Cost, Metered } from "./cost.ts";
import type { Decision } from "./decision.ts";
import type { Listener } from "./events.ts";
import type { OpenCall } from "./limiter/open-calls.ts";
import type { MeterCallback, MeterOptions } from "./llm/in-process.ts";
import type { LlmMeter } from "./llm/meter.ts";
import type { UsageSource } from "./llm/tokens.ts";
import type { LimitInput } from "./policy/limit-input.ts";
import type { LimitOverrides } from "./policy/override.ts";
import type { Plan } from "./policy/plan.ts";
import type { MaybePromise, SettlementReply } from "./store.ts";
import type { Subject } from "./subject.ts";
import type { Usage } from "./usage.ts";
import type { SlowDown } from "./waiting/slow-down.ts";
import type { WaitingStats } from "./waiting/waiting-room.ts";

/** Whether a limiter answers at once or may need to be awaited; follows from its store. */
export type Mode = "sync" | "async";

/** A value on a synchronous store, a value or a promise on any other. `await` is right for both. */
export type Answer<M extends Mode, T> = M extends "sync" ? T : MaybePromise<T>;

/** Options of `reserve`. */
export interface ReserveOptions {
  /**
   * Makes the call idempotent within the subject: reserving again with the same id and cost repeats
   * the answer without a second charge; with another cost it is a `RESERVATION_CONFLICT`.
   */
  readonly id?: string;
  /** How long the call is believed to run: 1 ms to a day. @default the limiter's `leaseMs` */
  readonly leaseMs?: number;
}

/** Options of `acquire`. */
export interface AcquireOptions extends ReserveOptions {
  /** `reserve` the call, to be settled later, rather than `checkAndRecord` it. @default false */
  readonly reserve?: boolean;
  /** How long to wait at the most: 0 ms to a day. @default the limiter's `waiting.maxWaitMs` */
  readonly maxWaitMs?: number;
  /** Of the waiting calls of one subject those with a higher one come first: an integer. @default 0 */
  readonly priority?: number;
  /**
   * Ends the wait: the promise rejects with the signal's reason. A call that had been admitted by then
   * gives back what it reserved; one that was charged without stays charged.
   */
  readonly signal?: AbortSignal;
  /** Delays the call once it is admitted, by more the less is left. @default no delay */
  readonly slowDown?: SlowDown;
}

/** Options of `block`. */
export interface BlockOptions {
  /** For how long: 1 ms to ten years. */
  readonly durationMs: number;
  /** Only these scopes. @default every scope the subject has an id for, `global` excepted */
  readonly scopes?: readonly string[];
}

/** What `reconfigure` puts in place of what is in force. */
export interface LimiterChanges {
  readonly limits: readonly LimitInput[];
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

/** A reservation that has not been settled or released. */
export interface HeldReservation {
  /** As `settle` and `release` take it. */
  readonly id: string;
  /** What is held, by type. */
  readonly held: Cost;
  /** When it was taken (epoch ms). */
  readonly takenAtMs: number;
  /** In the past where its holder is late or lost. */
  readonly leaseEndsAtMs: number;
}

/** How a reservation ended. */
export type SettlementOutcome = Omit<SettlementReply, "forgiven">;

/** Meters calls against limits. All methods check their arguments before the store is asked. */
export interface Limiter<M extends Mode = Mode> {
  readonly name: string;
  readonly enabled: boolean;
  /** The limits in force, checked and with their names; none where each subject has its own. */
  readonly limits: Plan["limits"];
  /** The types that costs may name. */
  readonly metered: Metered;
  /** The limiter with the limits that are in force for this subject: itself, where all have the same. */
  readonly forSubject: (subject: Subject) => MaybePromise<Limiter<M>>;
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
  /**
   * `checkAndRecord`, or `reserve`, for a call that would rather wait than be refused: it waits in a
   * queue for as long as that can be of use. The calls of a subject are admitted in their order, and
   * subjects that wait for the same limit take turns.
   */
  readonly acquire: (subject: Subject, cost?: Cost, options?: AcquireOptions) => Promise<Decision>;
  /** How many calls wait, and what became of those that did. */
  readonly waiting: WaitingStats;
  /**
   * Corrects usage: charges amounts, or gives back negative ones, down to what reservations hold or
   * to nothing used. For penalties and rewards; what a call cost is `settle`'s to tell.
   */
  readonly adjust: (subject: Subject, cost: Cost) => Answer<M, readonly Usage[]>;
  /** Refuses every call of these ids for a time, whatever their limits say; usage stays. */
  readonly block: (subject: Subject, options: BlockOptions) => Answer<M, void>;
  /** Lifts a block before its time. */
  readonly unblock: (subject: Subject, options?: ResetOptions) => Answer<M, void>;
  /** The answer of the `allow` and `deny` lists to a call of a subject that is on one; told to listeners. */
  readonly listed: (subject: Subject, address?: string, cost?: Cost) => Decision | undefined;
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
  /**
   * The open reservations that hold something for all of these ids, the oldest first: to see who runs,
   * and what was lost. Not for every call: some stores look through all that are open.
   */
  readonly reservations: (subject: Subject) => Answer<M, readonly HeldReservation[]>;
  /** How every limit that applies to the subject stands. */
  readonly usage: (subject: Subject) => Answer<M, readonly Usage[]>;
  /** Forgets the usage of these ids, and lifts their blocks. */
  readonly reset: (subject: Subject, options?: ResetOptions) => Answer<M, void>;
  /** Removes what expired at or before `beforeMs` and counts its cells. @default now */
  readonly resetExpired: (beforeMs?: number) => Answer<M, number>;
  /**
   * The same limiter with other numbers for some calls, on the same usage: limits are changed by
   * their name, and added ones need one.
   */
  readonly override: (overrides: LimitOverrides) => Limiter<M>;
  /**
   * Puts other limits in force, from the next call on. Usage stays with every limit that meters the
   * same as before, whatever its number. Overrides of limits that are gone fall away.
   * @throws TollgateError `INVALID_CONFIG`, and the old limits stay in force
   */
  readonly reconfigure: (changes: LimiterChanges) => void;
  /** Asks again what a subject may spend, or anybody, where that is looked up. */
  readonly forgetLimits: (subject?: Subject) => void;
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
