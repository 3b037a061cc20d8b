import type { Cost } from "./cost.ts";
import type { Plan } from "./policy/plan.ts";

/** A value now, or a promise of it: stores in this process answer at once, others later. */
export type MaybePromise<T> = T | Promise<T>;

/** The records a call touches: one for each of the plan's scopes. */
export interface Address {
  readonly plan: Plan;
  /** Canonical ids, in the order of `plan.scopes`; empty where no limit of the scope applies. */
  readonly ids: readonly string[];
  /** The enclosing tenant, where the subject names one. */
  readonly tenant: string | undefined;
}

/**
 * One question to the limits.
 *
 * - `check` asks and writes nothing.
 * - `take` charges if every limit has room.
 * - `force` charges whatever the limits say; an overrun becomes debt.
 * - `reserve` is `take`, and puts what it charged on record so that it can be settled. Slots are
 *   taken by nothing else.
 * - `adjust` charges or gives back, whatever the limits say: never below nothing, and no slots.
 * - `block` refuses everything at the address for a time, or no longer when that is 0.
 */
export type Operation =
  | { readonly mode: "check" | "take" | "force"; readonly amounts: readonly number[] }
  | {
      readonly mode: "adjust";
      /** 0 for each limit that applies; see `NOT_APPLIED`. */
      readonly amounts: readonly number[];
      /** For each limit: units to charge, or to give back where they are negative. */
      readonly deltas: readonly number[];
    }
  | {
      readonly mode: "block";
      /** 0 for each limit that applies; see `NOT_APPLIED`. */
      readonly amounts: readonly number[];
      readonly forMs: number;
    }
  | {
      readonly mode: "reserve";
      readonly amounts: readonly number[];
      /** The same amounts by type. */
      readonly cost: Cost;
      /** Where the reservation will be found; see {@link Store.settle}. */
      readonly token: string;
      readonly leaseMs: number;
    };

/** Operations on the same records, decided one after the other in a single atomic step. */
export interface Batch extends Address {
  readonly operations: readonly [Operation, ...Operation[]];
}

/** The answer to one operation: integers only, from which a decision reads everything. */
export interface OperationReply {
  readonly outcome: "admitted" | "refused" | "impossible" | "conflict";
  /**
   * Where any limit had no room: for each its own wait, 0 where it had; see `algorithms/kernel.ts`.
   * Shadow limits are among them, also when the operation was admitted.
   */
  readonly waitsMs: readonly number[] | undefined;
  /** Until when the address is blocked, if that is why the operation was refused; else 0. */
  readonly blockedUntilMs: number;
  /** The cells of all limits after the operation, brought to `nowMs`; see `algorithms/cell.ts`. */
  readonly cells: readonly number[];
  /** Reserved: when the lease ends. Else 0. */
  readonly leaseEndsAtMs: number;
  /** Whether the answer is that of an earlier reservation with the same id, which was charged then. */
  readonly repeated: boolean;
  /** The instant of the decision, by the store's clock. */
  readonly nowMs: number;
}

/** The answer to a batch: one reply for each operation, in order. */
export type BatchReply = readonly OperationReply[];

/** How a reservation ends. */
export interface Settlement {
  readonly token: string;
  /** The real cost by type; types left out keep what was held. `undefined` releases everything. */
  readonly cost: Cost | undefined;
}

/** How a reservation ended, now or earlier. */
export interface SettlementReply {
  /** `unknown`: not on record, or no longer. Nothing was booked. */
  readonly outcome: "settled" | "released" | "unknown";
  /** Whether this very call booked it; false when it repeats what is on record. */
  readonly applied: boolean;
  /** What had been held, by type. */
  readonly held: Cost;
  /** What was booked in its place. */
  readonly cost: Cost;
  /** Limits whose debt now exceeds what one further window can repay, and by how much. */
  readonly forgiven: readonly Forgiven[];
}

/** Debt that will never be repaid. */
export interface Forgiven {
  readonly limit: string;
  readonly amount: number;
}

/** A reservation that has not ended yet. */
export interface OpenReservation {
  readonly token: string;
  /** What it holds, by type. */
  readonly held: Cost;
  readonly takenAtMs: number;
  /** In the past where its holder is lost, or late. */
  readonly leaseEndsAtMs: number;
}

/** One record or reservation in the form in which it moves from one store to another. */
export type StoredUsage =
  | {
      /** The record's key; see `encodeKey`. */
      readonly key: string;
      /** See `algorithms/record.ts`. */
      readonly record: readonly number[];
    }
  | {
      readonly token: string;
      /** What it was taken for, as JSON. */
      readonly details: string;
      /** Whether and how it ended; see `shared/reservation-details.ts`. */
      readonly numbers: readonly number[];
    };

/** What a store tells on its own account. */
export interface Eviction {
  /** The family of records; see `PlanScope.space`. */
  readonly space: string;
  /** Whether the evicted record was refusing: its subject now has fresh quota. */
  readonly refusing: boolean;
}

/**
 * Where the state lives. A store runs the rules of `algorithms/` on its records, atomically, by its
 * own clock; it knows neither HTTP nor configuration.
 *
 * Every store gives the same answers to the same questions at the same instants, to the last unit:
 * the contract suite in `@tollgate/core/testing` holds it to that.
 */
export interface Store {
  /** Promises that no method returns a promise. */
  readonly synchronous: boolean;

  /**
   * Decides all operations in order, each against the state its predecessors left, as one atomic
   * step: other callers see all of it or none. A refused or impossible operation changes no cell.
   */
  readonly apply: (batch: Batch) => MaybePromise<BatchReply>;

  /**
   * Ends a reservation exactly once. The first settlement or release wins, from whichever process;
   * later ones are told its outcome. After the grace that follows its lease it is `unknown`.
   */
  readonly settle: (settlement: Settlement) => MaybePromise<SettlementReply>;

  /**
   * Moves the end of a live lease to `leaseMs` from now, never nearer.
   * False when the reservation is not on record or has ended.
   */
  readonly renew: (token: string, leaseMs: number) => MaybePromise<boolean>;

  /** Forgets the records at the address. Reservations taken before can no longer give back to them. */
  readonly forget: (address: Address) => MaybePromise<void>;

  /** Removes records that expired at or before `beforeMs`, or now if that is earlier; counts their cells. */
  readonly sweep: (beforeMs: number) => MaybePromise<number>;

  /** The open reservations that hold something in every record of the address. */
  readonly reservations: (address: Address) => MaybePromise<readonly OpenReservation[]>;

  /**
   * Everything that has not expired, in no order; taken while calls go on, it need not be one moment's.
   * Absent where a store cannot tell.
   */
  readonly exportUsage?: () => AsyncIterable<StoredUsage>;

  /** Puts on record what another store exported, in place of what is there under the same keys. */
  readonly importUsage?: (usage: readonly StoredUsage[]) => MaybePromise<void>;

  /** Releases what the store opened itself; never a client or pool that was handed to it. */
  readonly close: () => MaybePromise<void>;

  /** Tells `listener` about evictions until the returned function is called. */
  readonly onEviction?: (listener: (eviction: Eviction) => void) => () => void;
}

/** A store that answers at once; a limiter on it returns plain values. */
export interface SyncStore extends Store {
  readonly synchronous: true;
  readonly apply: (batch: Batch) => BatchReply;
  readonly settle: (settlement: Settlement) => SettlementReply;
  readonly renew: (token: string, leaseMs: number) => boolean;
  readonly forget: (address: Address) => void;
  readonly sweep: (beforeMs: number) => number;
  readonly reservations: (address: Address) => readonly OpenReservation[];
  readonly close: () => void;
}
