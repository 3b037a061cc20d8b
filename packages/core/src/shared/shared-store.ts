import { LRUCache } from "lru-cache";

import { isPromise, next } from "../maybe-promise.ts";
import { nothingKnown } from "../settlement.ts";
import type {
  Address,
  Batch,
  BatchReply,
  MaybePromise,
  OpenReservation,
  Operation,
  Settlement,
  SettlementReply,
  Store,
  StoredUsage,
  SyncStore,
} from "../store.ts";
import { Coalescer, type CoalescerOptions } from "./coalescer.ts";
import type { Engine } from "./engine.ts";
import { type Answer, type Job, OUTDATED } from "./jobs.ts";
import { recordKeys } from "./record-keys.ts";
import {
  newMark,
  readDetails,
  type ReservationDetails,
  TAKEN_AT,
  LEASE_ENDS_AT,
  MARK,
  HELD,
  STATUS,
} from "./reservation-details.ts";
import { planTrip } from "./trip.ts";

/** What a token can look like; databases need not be asked about anything else, nor could all of them. */
const TOKEN = /^[\x21-\x7e]{1,200}$/;

/** How many reservations of its own a process can settle without asking for them first. */
const MAX_KNOWN = 10_000;

// A token whose reservation changes this often between two questions is not used as one.
const MAX_LOOKS = 5;

/** A {@link Store} on an {@link Engine}: turns calls into jobs, and lets them travel together. */
export function sharedStore(engine: Engine, options: CoalescerOptions): SharedStore {
  return new StoreOnEngine(engine, options);
}

/** A store that several processes can use, or one after the other. */
export type SharedStore = Required<Omit<Store, "onEviction">>;

/** One that answers at once. */
export type SharedSyncStore = SyncStore &
  Pick<SharedStore, "exportUsage"> & {
    readonly importUsage: (usage: readonly StoredUsage[]) => void;
  };

/** The same on an engine that answers at once. */
export function sharedSyncStore(engine: Engine): SharedSyncStore {
  const store = new StoreOnEngine(engine, { maxBatch: 1, maxInFlight: 1, maxQueued: 1 });
  return {
    synchronous: true,
    apply: (batch) => atOnce(store.apply(batch)),
    settle: (settlement) => atOnce(store.settle(settlement)),
    renew: (token, leaseMs) => atOnce(store.renew(token, leaseMs)),
    forget: (address) => {
      atOnce(store.forget(address));
    },
    sweep: (beforeMs) => atOnce(store.sweep(beforeMs)),
    reservations: (address) => atOnce(store.reservations(address)),
    exportUsage: store.exportUsage,
    importUsage: (usage) => {
      atOnce(store.importUsage(usage));
    },
    close: () => {
      atOnce(store.close());
    },
  };
}

function atOnce<T>(answer: MaybePromise<T>): T {
  if (isPromise(answer)) throw new TypeError("a synchronous engine answered with a promise");
  return answer;
}

class StoreOnEngine implements SharedStore {
  readonly synchronous: boolean;
  readonly #engine: Engine;
  readonly #coalescer: Coalescer;
  readonly #known = new LRUCache<string, ReservationDetails>({ max: MAX_KNOWN });

  constructor(engine: Engine, options: CoalescerOptions) {
    this.#engine = engine;
    this.synchronous = engine.synchronous;
    this.#coalescer = new Coalescer(engine.run, options);
  }

  readonly apply = (batch: Batch): MaybePromise<BatchReply> => {
    const { plan, ids, tenant, operations } = batch;
    const address = { plan, ids, tenant };
    const reservations = operations.map((operation) => detailsOf(address, operation));
    return next(this.#ask({ kind: "apply", address, operations, reservations }), (replies) => {
      if (!isBatchReply(replies)) throw wrongAnswer();
      for (const [index, operation] of operations.entries()) {
        const details = reservations[index];
        const reply = replies[index];
        if (operation.mode !== "reserve" || details === undefined || reply === undefined) continue;
        if (reply.outcome === "admitted" && !reply.repeated) {
          this.#known.set(operation.token, details);
        }
      }
      return replies;
    });
  };

  readonly settle = ({ token, cost }: Settlement): MaybePromise<SettlementReply> =>
    this.#withDetails(
      token,
      (details) =>
        next(this.#ask({ kind: "settle", token, details, cost }), (answer) => {
          if (answer === OUTDATED || isSettlement(answer)) return answer;
          throw wrongAnswer();
        }),
      nothingKnown,
    );

  readonly renew = (token: string, leaseMs: number): MaybePromise<boolean> =>
    this.#withDetails(
      token,
      (details) =>
        next(this.#ask({ kind: "renew", token, details, leaseMs }), (answer) => {
          if (answer === OUTDATED || typeof answer === "boolean") return answer;
          throw wrongAnswer();
        }),
      false,
    );

  readonly forget = (address: Address): MaybePromise<void> => {
    const { plan, ids, tenant } = address;
    const forgotten = this.#ask({ kind: "forget", address: { plan, ids, tenant } });
    return next(forgotten, () => undefined);
  };

  readonly sweep = (beforeMs: number): MaybePromise<number> => this.#engine.sweep(beforeMs);

  readonly reservations = (address: Address): MaybePromise<readonly OpenReservation[]> => {
    const keys = recordKeys(address).filter((key) => key !== "");
    if (keys.length === 0) return [];
    return next(
      this.#engine.reservationsAt(
        keys,
        address.ids.filter((id) => id !== ""),
      ),
      (listed) =>
        // From the driver's array, which need not be one of this realm's.
        Array.from(listed).flatMap(({ token, stored }) => {
          const { numbers, details } = stored;
          if (numbers[STATUS] !== HELD) return [];
          const { address: own, cost } = readDetails(details, numbers[MARK] ?? 0);
          const ownKeys = recordKeys(own);
          if (!keys.every((key) => ownKeys.includes(key))) return [];
          return [
            {
              token,
              held: cost,
              takenAtMs: numbers[TAKEN_AT] ?? 0,
              leaseEndsAtMs: numbers[LEASE_ENDS_AT] ?? 0,
            },
          ];
        }),
    );
  };

  readonly exportUsage = (): AsyncIterable<StoredUsage> => this.#engine.exportUsage();

  readonly importUsage = (usage: readonly StoredUsage[]): MaybePromise<void> =>
    this.#engine.importUsage(usage);

  readonly close = (): MaybePromise<void> => this.#engine.close();

  #ask(job: Job): MaybePromise<Answer> {
    if (!this.synchronous) return this.#coalescer.ask(job);
    return next(this.#engine.run(planTrip([job])), ([answer]) => answer);
  }

  /** Asks with what the reservation was taken for: remembered here, or else read first. */
  #withDetails<T>(
    token: string,
    ask: (details: ReservationDetails) => MaybePromise<T | typeof OUTDATED>,
    unknown: T,
    looks: number = 0,
  ): MaybePromise<T> {
    if (!TOKEN.test(token)) return unknown;
    const known = looks === 0 ? this.#known.get(token) : undefined;
    const details = known ?? this.#look(token);
    return next(details, (found): MaybePromise<T> => {
      if (found === undefined || looks >= MAX_LOOKS) return unknown;
      return next(ask(found), (answer): MaybePromise<T> => {
        // Another process has reserved under the token since.
        if (isOutdated(answer)) return this.#withDetails(token, ask, unknown, looks + 1);
        return answer;
      });
    });
  }

  #look(token: string): MaybePromise<ReservationDetails | undefined> {
    return next(this.#engine.reservation(token), (stored) => {
      if (stored === undefined) {
        this.#known.delete(token);
        return undefined;
      }
      const details = readDetails(stored.details, stored.numbers[MARK] ?? 0);
      this.#known.set(token, details);
      return details;
    });
  }
}

const isBatchReply = (answer: Answer): answer is BatchReply => Array.isArray(answer);

const isSettlement = (answer: Answer): answer is SettlementReply =>
  typeof answer === "object" && !Array.isArray(answer);

const wrongAnswer = (): TypeError => new TypeError("the engine answered another question");

const isOutdated = (answer: unknown): answer is typeof OUTDATED => answer === OUTDATED;

function detailsOf(address: Address, operation: Operation): ReservationDetails | undefined {
  if (operation.mode !== "reserve") return undefined;
  const { amounts, cost } = operation;
  return { address, amounts, cost, mark: newMark() };
}
