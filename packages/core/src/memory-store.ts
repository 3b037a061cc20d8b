import { agreeOnTime } from "./algorithms/record.ts";
import { type Clock, systemClock } from "./clock.ts";
import { configError } from "./errors.ts";
import { decide, type Records, takeAtOnce } from "./evaluate.ts";
import { extendHold, hasLostSlots, holdOf, settleHold } from "./holds.ts";
import { MemoryRecords } from "./memory/records.ts";
import { MemoryReservations } from "./memory/reservations.ts";
import { isObject, rejectUnknownKeys } from "./parse.ts";
import { GRACE_MS, MAX_LEASE_MS } from "./reservation.ts";
import { actualCost, nothingKnown, repeatedReply, sameAmounts } from "./settlement.ts";
import { recordKeys } from "./shared/record-keys.ts";
import { newMark, numbersOf, writeDetails } from "./shared/reservation-details.ts";
import type {
  Address,
  Batch,
  BatchReply,
  Eviction,
  OpenReservation,
  Operation,
  OperationReply,
  Settlement,
  SettlementReply,
  StoredUsage,
  SyncStore,
} from "./store.ts";

/** Options of {@link memoryStore}. */
export interface MemoryStoreOptions {
  /**
   * The most subject ids kept, over all scopes of all limiters on this store. One takes some
   * 390 bytes with four limits.
   * @default 100_000
   */
  readonly maxKeys?: number;
  /**
   * The most reservations that can be open at once, and as many whose outcome is remembered.
   * @default 10_000
   */
  readonly maxReservations?: number;
  /** Epoch milliseconds as an integer. @default the system's clock */
  readonly clock?: Clock;
}

/** What a memory store holds at the moment. */
export interface MemoryStoreStats {
  /** Subject ids that count against `maxKeys`. */
  readonly keys: number;
  /** Subject ids kept beyond `maxKeys` because reservations are open in them. */
  readonly leasedKeys: number;
  /** Reservations neither settled, released nor lost. */
  readonly openReservations: number;
  /** Records removed for want of room on which a cost of 1 would have been admitted. */
  readonly idleEvictions: number;
  /** Records removed for want of room although they refused: their subjects have fresh quota. */
  readonly refusingEvictions: number;
}

/** A {@link memoryStore}. */
export interface MemoryStore extends SyncStore {
  /** Counts, for monitoring. */
  readonly stats: () => MemoryStoreStats;
  readonly exportUsage: () => AsyncIterable<StoredUsage>;
}

function bound(value: unknown, path: string, standard: number): number {
  if (value === undefined) return standard;
  if (typeof value === "number" && Number.isInteger(value) && value >= 1 && value <= 16_000_000) {
    return value;
  }
  throw configError(path, "an integer from 1 to 16000000", value);
}

/**
 * State in this process: exact, synchronous, bounded, and gone with the process.
 *
 * Room is made by removing what has expired, then the least recently used subjects that are far
 * from their limits, and only when every subject left is refusing the one that would be admitted
 * again first. So nobody regains quota by flooding the store with ids while others have room.
 *
 * @throws TollgateError `INVALID_CONFIG`
 */
export function memoryStore(options: MemoryStoreOptions = {}): MemoryStore {
  const given: unknown = options;
  if (!isObject(given)) throw configError("memoryStore", "an options object", options);
  rejectUnknownKeys(given, ["maxKeys", "maxReservations", "clock"], "memoryStore");
  const { clock = systemClock } = options;
  if (typeof clock !== "function") throw configError("memoryStore.clock", "a function", clock);
  return new Memory(
    bound(options.maxKeys, "memoryStore.maxKeys", 100_000),
    bound(options.maxReservations, "memoryStore.maxReservations", 10_000),
    clock,
  );
}

class Memory implements MemoryStore {
  readonly synchronous = true;
  readonly #clock: Clock;
  readonly #records: MemoryRecords;
  readonly #reservations: MemoryReservations;
  readonly #listeners = new Set<(eviction: Eviction) => void>();
  #idleEvictions = 0;
  #refusingEvictions = 0;

  constructor(maxKeys: number, maxReservations: number, clock: Clock) {
    this.#clock = clock;
    this.#records = new MemoryRecords(maxKeys, (eviction) => {
      if (eviction.refusing) this.#refusingEvictions += 1;
      else this.#idleEvictions += 1;
      for (const listener of this.#listeners) listener(eviction);
    });
    this.#reservations = new MemoryReservations(maxReservations);
  }

  readonly apply = (batch: Batch): BatchReply => {
    const clockMs = this.#clock();
    const { plan, operations } = batch;
    if (plan.onlyScope === undefined) return this.#applyAll(batch, clockMs);
    const record = this.#records.inUse(batch, clockMs);
    if (record === undefined) return this.#applyAll(batch, clockMs);
    // Nearly every call ends here. The long way takes some 40 % longer.
    const reply =
      operations.length === 1 ? takeAtOnce(plan, record, operations[0], clockMs) : undefined;
    return reply === undefined ? this.#applyAll(batch, clockMs, [record]) : [reply];
  };

  #applyAll(
    batch: Batch,
    clockMs: number,
    records: Records = this.#records.find(batch, clockMs),
  ): BatchReply {
    const { operations } = batch;
    const nowMs = agreeOnTime(records, clockMs);
    this.#assertRoom(operations, nowMs);
    // Nearly always everything is there already, and nothing has to be kept afterwards.
    const found = records.includes(undefined) ? records.slice() : records;
    const replies = [this.#run(batch, records, operations[0], nowMs)];
    for (let n = 1; n < operations.length; n += 1) {
      const operation = operations[n];
      if (operation !== undefined) replies.push(this.#run(batch, records, operation, nowMs));
    }
    this.#records.keep(batch, found, records, nowMs);
    return replies;
  }

  readonly settle = ({ token, cost }: Settlement): SettlementReply => {
    const clockMs = this.#clock();
    const reservation = this.#reservations.get(token, clockMs);
    if (reservation === undefined) return nothingKnown;
    if (reservation.ended !== undefined)
      return { ...reservation.ended, applied: false, forgiven: [] };
    const { address, hold } = reservation;
    const found = this.#records.find(address, clockMs);
    const nowMs = agreeOnTime(found, clockMs);
    const records = found.slice();
    const booked = actualCost(hold, cost);
    const forgiven = settleHold(hold, records, booked, reservation.leaseEndsAtMs, nowMs);
    this.#records.keep(address, found, records, nowMs);
    reservation.ended = {
      outcome: cost === undefined ? "released" : "settled",
      applied: true,
      held: hold.cost,
      cost: booked,
      forgiven,
    };
    this.#reservations.end(token, reservation);
    return reservation.ended;
  };

  readonly renew = (token: string, leaseMs: number): boolean => {
    const clockMs = this.#clock();
    const reservation = this.#reservations.get(token, clockMs);
    if (reservation === undefined || reservation.ended !== undefined) return false;
    const records = this.#records.find(reservation.address, clockMs);
    const nowMs = agreeOnTime(records, clockMs);
    const { leaseEndsAtMs: fromMs } = reservation;
    if (nowMs >= fromMs || hasLostSlots(reservation.hold, records)) return false;
    // One that lies further ahead than any lease was given by a clock that has been put right since.
    const isSane = fromMs <= nowMs + MAX_LEASE_MS;
    reservation.leaseEndsAtMs = isSane ? Math.max(fromMs, nowMs + leaseMs) : nowMs + leaseMs;
    extendHold(reservation.hold, records, fromMs, reservation.leaseEndsAtMs, nowMs);
    const settleableUntilMs = reservation.leaseEndsAtMs + GRACE_MS;
    this.#records.extendMarks(reservation.address, records, settleableUntilMs);
    return true;
  };

  readonly forget = (address: Address): void => {
    this.#records.forget(address, this.#clock(), this.#reservations.settleableUntilMs());
  };

  readonly sweep = (beforeMs: number): number =>
    this.#records.sweep(Math.min(beforeMs, this.#clock()));

  readonly reservations = (address: Address): readonly OpenReservation[] => {
    const keys = recordKeys(address).filter((key) => key !== "");
    if (keys.length === 0) return [];
    const open = this.#reservations.open(this.#clock());
    return Array.from(open).flatMap(([token, { address: own, hold, leaseEndsAtMs }]) => {
      const ownKeys = recordKeys(own);
      if (!keys.every((key) => ownKeys.includes(key))) return [];
      return [{ token, held: hold.cost, takenAtMs: hold.takenAtMs, leaseEndsAtMs }];
    });
  };

  async *exportUsage(): AsyncGenerator<StoredUsage> {
    const nowMs = this.#clock();
    for (const [key, record] of this.#records.entries(nowMs)) yield { key, record };
    for (const [token, { address, hold, leaseEndsAtMs }] of this.#reservations.open(nowMs)) {
      const mark = newMark();
      const details = { address, amounts: hold.amounts, cost: hold.cost, mark };
      const numbers = numbersOf(hold, mark, leaseEndsAtMs);
      yield { token, details: writeDetails(details), numbers };
    }
  }

  readonly close = (): void => {
    this.#listeners.clear();
  };

  readonly onEviction = (listener: (eviction: Eviction) => void): (() => void) => {
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
    };
  };

  readonly stats = (): MemoryStoreStats => ({
    keys: this.#records.size,
    leasedKeys: this.#records.leasedSize,
    openReservations: this.#reservations.openSize,
    idleEvictions: this.#idleEvictions,
    refusingEvictions: this.#refusingEvictions,
  });

  // Before anything is charged, so that a batch which cannot be kept whole is not begun.
  #assertRoom(operations: readonly Operation[], nowMs: number): void {
    let opening = 0;
    for (let n = 0; n < operations.length; n += 1) {
      const operation = operations[n];
      if (operation?.mode !== "reserve") continue;
      if (this.#reservations.get(operation.token, nowMs) === undefined) opening += 1;
    }
    if (opening > 0) this.#reservations.assertRoom(opening, nowMs);
  }

  #run(batch: Batch, records: Records, operation: Operation, nowMs: number): OperationReply {
    if (operation.mode !== "reserve") return decide(batch.plan, records, operation, nowMs);
    const { token } = operation;
    const known = this.#reservations.get(token, nowMs);
    if (known !== undefined) {
      const { hold, leaseEndsAtMs } = known;
      const same = sameAmounts(hold.amounts, operation.amounts);
      return repeatedReply(batch.plan, records, operation, same, leaseEndsAtMs, nowMs);
    }
    const reply = decide(batch.plan, records, operation, nowMs);
    if (reply.outcome === "admitted") {
      const { plan, ids, tenant } = batch;
      this.#reservations.add(token, {
        address: { plan, ids, tenant },
        hold: holdOf(plan, records, operation, reply, nowMs),
        leaseEndsAtMs: reply.leaseEndsAtMs,
        ended: undefined,
      });
    }
    return reply;
  }
}
