import { LRUCache } from "lru-cache";

import { Deadlines } from "../deadlines.ts";
import { TollgateError } from "../errors.ts";
import type { Hold } from "../holds.ts";
import { GRACE_MS } from "../reservation.ts";
import type { Address, SettlementReply } from "../store.ts";

/** A reservation on record. */
export interface ReservationRecord {
  readonly address: Address;
  readonly hold: Hold;
  leaseEndsAtMs: number;
  /** How it ended, if it has. */
  ended: SettlementReply | undefined;
}

/**
 * The reservations of a memory store. Open ones are bounded and never dropped before their grace is
 * over; of those that ended, as many are remembered, for callers that did not get the answer.
 */
export class MemoryReservations {
  readonly #max: number;
  readonly #open = new Map<string, ReservationRecord>();
  readonly #ended: LRUCache<string, ReservationRecord>;
  readonly #expiries = new Deadlines();

  constructor(maxReservations: number) {
    this.#max = maxReservations;
    this.#ended = new LRUCache({ max: maxReservations });
  }

  get openSize(): number {
    return this.#open.size;
  }

  /** Those that have not ended, and can still be settled. */
  *open(nowMs: number): Generator<readonly [token: string, record: ReservationRecord]> {
    for (const [token, record] of this.#open) {
      if (nowMs < record.leaseEndsAtMs + GRACE_MS) yield [token, record];
    }
  }

  /** When the last open reservation stops being settleable; 0 when none is open. */
  settleableUntilMs(): number {
    let untilMs = 0;
    for (const { leaseEndsAtMs } of this.#open.values()) {
      untilMs = Math.max(untilMs, leaseEndsAtMs + GRACE_MS);
    }
    return untilMs;
  }

  /** The reservation of a token, unless its grace is over at `nowMs`. */
  get(token: string, nowMs: number): ReservationRecord | undefined {
    const record = this.#open.get(token) ?? this.#ended.get(token);
    return record === undefined || nowMs >= record.leaseEndsAtMs + GRACE_MS ? undefined : record;
  }

  /** @throws TollgateError `RESERVATIONS_FULL` when so many more would be too many */
  assertRoom(more: number, nowMs: number): void {
    while (this.#open.size + more > this.#max) this.#dropLost(nowMs);
  }

  #dropLost(nowMs: number): void {
    const lost = this.#expiries.take(nowMs, (token) => {
      const record = this.#open.get(token);
      return record === undefined ? undefined : record.leaseEndsAtMs + GRACE_MS;
    });
    if (lost === undefined) {
      throw new TollgateError(
        "RESERVATIONS_FULL",
        `the memory store has ${String(this.#max)} open reservations, its maxReservations`,
      );
    }
    this.#open.delete(lost);
  }

  add(token: string, record: ReservationRecord): void {
    this.#ended.delete(token);
    this.#open.set(token, record);
    this.#expiries.add(token, record.leaseEndsAtMs + GRACE_MS);
    // Those settled in time leave their deadline behind.
    if (this.#expiries.size > 2 * this.#open.size + 64) this.#listExpiriesAnew();
  }

  end(token: string, record: ReservationRecord): void {
    this.#open.delete(token);
    this.#ended.set(token, record);
  }

  #listExpiriesAnew(): void {
    this.#expiries.clear();
    for (const [token, { leaseEndsAtMs }] of this.#open) {
      this.#expiries.add(token, leaseEndsAtMs + GRACE_MS);
    }
  }
}
