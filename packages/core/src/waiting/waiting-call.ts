import type { MaybePromise } from "../store.ts";

/** What the limits answered a call that would wait. */
export interface Attempt<D> {
  readonly decision: D;
  readonly admitted: boolean;
  /** The cell that refuses for longest; `undefined` when admitted or when waiting is of no use. */
  readonly blockedBy: string | undefined;
  /** How long until it fits if nobody else spends; `undefined`: no waiting helps. */
  readonly retryAfterMs: number | undefined;
  /** `false` when that is only the latest: what is taken may be given back at any time. */
  readonly exact: boolean;
}

/** A call that would rather wait than be refused. */
export interface WaitingCall<D> {
  /** Whose queue: calls of one subject are served in order. */
  readonly subject: string;
  /** The cells its limits charge: calls that share one wait for one another. */
  readonly cells: readonly string[];
  /** Higher first among the waiting calls of one subject. */
  readonly priority: number;
  readonly maxWaitMs: number;
  readonly signal: AbortSignal | undefined;
  /** Asks the limits, and charges if all have room: the only way in. */
  readonly ask: () => MaybePromise<Attempt<D>>;
  /** Asks without charging, for a decision to give to a call that was never asked for. */
  readonly look: () => MaybePromise<Attempt<D>>;
}

/**
 * - `admitted`: its limits had room, and have been charged.
 * - `refused`: no waiting helps, or it would end after `maxWaitMs`.
 * - `timedOut`: it has waited for `maxWaitMs`.
 * - `overflowed`: as many were waiting already as may.
 * - `closed`: the waiting room has been closed.
 */
export type WaitOutcome = "admitted" | "refused" | "timedOut" | "overflowed" | "closed";

/** How the waiting ended. */
export interface Waited<D> {
  readonly outcome: WaitOutcome;
  /** What the limits said last. Turned away for the others' sake, it may be an admission that was not charged. */
  readonly decision: D;
  readonly waitedMs: number;
  /** When it was turned away: the longest wait known, at least 1 ms; `undefined` when none is. */
  readonly retryAfterMs: number | undefined;
  /** Whether it had a place in the queue of its subject. */
  readonly queued: boolean;
}

/** How calls fared in a waiting room so far. */
export interface WaitingStats {
  /** How many wait now, and of how many subjects. */
  readonly waiting: number;
  readonly subjects: number;
  /** How many came, and how many of them got a place because they could not go straight on. */
  readonly entered: number;
  readonly queued: number;
  /** How they left: see {@link WaitOutcome}. */
  readonly admitted: number;
  readonly refused: number;
  readonly timedOut: number;
  readonly overflowed: number;
  readonly closed: number;
  /** How many left because their signal was aborted. */
  readonly abandoned: number;
  /** For how many the limits could not be asked. */
  readonly failed: number;
  /** The longest that one with a place had waited when it left, however it did. */
  readonly longestWaitMs: number;
}
