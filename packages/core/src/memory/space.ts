import { LRUCache } from "lru-cache";

import { BLOCKED_UNTIL, EXPIRES, LEASE_END, type ScopeRecord } from "../algorithms/record.ts";
import { Deadlines } from "../deadlines.ts";
import { detached } from "../keys.ts";

/** A record that may be removed for want of room. */
export interface Candidate {
  readonly key: string;
  readonly record: ScopeRecord;
}

/** Until when some limit of the record refuses a cost of 1. */
const refusesUntilMs = (record: ScopeRecord): number => record[BLOCKED_UNTIL] ?? 0;

/**
 * The records of one scope in memory: found by key, kept in the order of their use.
 *
 * A record that refuses, or is leased, when room is wanted is set aside until that ends. So the
 * search for a victim never looks at it twice for nothing, and the work per eviction stays constant
 * however many offenders there are.
 */
export class MemorySpace {
  readonly #inUse: LRUCache<string, ScopeRecord>;
  readonly #refusing = new Map<string, ScopeRecord>();
  readonly #leased = new Map<string, ScopeRecord>();
  readonly #expiries = new Deadlines();
  readonly #readmissions = new Deadlines();
  readonly #leaseEnds = new Deadlines();
  /** Until when the mark of a reset must be found, by key. */
  readonly #marks = new Map<string, number>();

  constructor(maxKeys: number) {
    // One more than may stay: a record whose lease ended comes back before another goes.
    this.#inUse = new LRUCache({ max: maxKeys + 1 });
  }

  /** Records that count against the bound on keys. */
  get size(): number {
    return this.#inUse.size + this.#refusing.size;
  }

  /** Records kept beyond the bound because reservations are open in them. */
  get leasedSize(): number {
    return this.#leased.size;
  }

  /** Whether any record was set aside because it refused or was leased. */
  get hasSetAside(): boolean {
    return this.#refusing.size > 0 || this.#leased.size > 0;
  }

  /** When the first record may have expired. */
  get earliestExpiryMs(): number {
    return this.#expiries.earliestMs;
  }

  /** The record of a key, from now on the most recently used one; `undefined` once it expired. */
  get(key: string, nowMs: number): ScopeRecord | undefined {
    const record = this.#inUse.get(key) ?? this.#setAside(key);
    return record === undefined || (record[EXPIRES] ?? 0) <= nowMs ? undefined : record;
  }

  /** Like {@link get}, but without the records that were set aside. */
  inUse(key: string, nowMs: number): ScopeRecord | undefined {
    const record = this.#inUse.get(key);
    return record === undefined || (record[EXPIRES] ?? 0) <= nowMs ? undefined : record;
  }

  /** Keeps a new record, in place of an expired one if that is still there. */
  add(key: string, record: ScopeRecord): void {
    const known = this.#peek(key) !== undefined;
    this.#refusing.delete(key);
    this.#leased.delete(key);
    const ownKey = detached(key);
    this.#inUse.set(ownKey, record);
    if (!known) this.#expiries.add(ownKey, record[EXPIRES] ?? 0);
    this.#trimDeadlines();
  }

  /** Keeps the mark of a reset, or reservations from before it could give back to what came after. */
  keepMark(key: string, untilMs: number): void {
    if (untilMs > (this.#marks.get(key) ?? 0)) this.#marks.set(detached(key), untilMs);
  }

  /** Until when reservations can be open in the record, or from before it was reset. */
  #leasedUntilMs(key: string, record: ScopeRecord): number {
    return Math.max(record[LEASE_END] ?? 0, this.#marks.get(key) ?? 0);
  }

  /** Whether the record was set aside for reservations, of which the last has ended. */
  leaseHasEnded(key: string, nowMs: number): boolean {
    const leased = this.#leased.get(key);
    return leased !== undefined && this.#leasedUntilMs(key, leased) <= nowMs;
  }

  /** A record that was set aside has been written: unless it is leased, it is in use again. */
  wrote(key: string, nowMs: number): void {
    const record = this.leaseHasEnded(key, nowMs) ? this.#leased.get(key) : this.#refusing.get(key);
    if (record === undefined) return;
    this.#leased.delete(key);
    this.#refusing.delete(key);
    this.#inUse.set(key, record);
  }

  delete(key: string): void {
    this.#inUse.delete(key);
    this.#refusing.delete(key);
    this.#leased.delete(key);
    this.#marks.delete(key);
  }

  /** Removes one record that expired by `nowMs` and returns it. */
  removeExpired(nowMs: number): ScopeRecord | undefined {
    const key = this.#expiries.take(nowMs, (key) => this.#peek(key)?.[EXPIRES]);
    if (key === undefined) return undefined;
    const record = this.#peek(key);
    this.delete(key);
    return record;
  }

  /** All records and their keys, expired ones too. */
  *entries(): Generator<readonly [key: string, record: ScopeRecord]> {
    for (const records of [this.#inUse, this.#refusing, this.#leased]) yield* records.entries();
  }

  /** The least recently used record on which a cost of 1 would be admitted, if there is one. */
  idleCandidate(nowMs: number): Candidate | undefined {
    this.#countEndedLeases(nowMs);
    const rested = this.#restedCandidate(nowMs);
    if (rested !== undefined) return rested;
    for (;;) {
      const oldest = this.#oldestInUse();
      if (oldest === undefined) return undefined;
      const { key, record } = oldest;
      if (this.#leasedUntilMs(key, record) > nowMs) {
        this.#inUse.delete(key);
        this.#leased.set(key, record);
        this.#leaseEnds.add(key, this.#leasedUntilMs(key, record));
      } else if (refusesUntilMs(record) > nowMs) {
        this.#inUse.delete(key);
        this.#setRefusing(key, record);
      } else {
        return oldest;
      }
    }
  }

  /** Of the refusing records that were set aside, the one that would admit again first. */
  refusingCandidate(): Candidate | undefined {
    const key = this.#readmissions.take(Number.POSITIVE_INFINITY, this.#readmissionOf);
    const record = key === undefined ? undefined : this.#refusing.get(key);
    if (key === undefined || record === undefined) return undefined;
    this.#readmissions.add(key, refusesUntilMs(record));
    return { key, record };
  }

  readonly #readmissionOf = (key: string): number | undefined => {
    const record = this.#refusing.get(key);
    return record === undefined ? undefined : refusesUntilMs(record);
  };

  // One that was set aside and admits again has not been used since: it is older than the rest.
  #restedCandidate(nowMs: number): Candidate | undefined {
    const key = this.#readmissions.take(nowMs, this.#readmissionOf);
    const record = key === undefined ? undefined : this.#refusing.get(key);
    if (key === undefined || record === undefined) return undefined;
    this.#readmissions.add(key, refusesUntilMs(record));
    return { key, record };
  }

  #countEndedLeases(nowMs: number): void {
    const leaseEndOf = (key: string): number | undefined => {
      const record = this.#leased.get(key);
      return record === undefined ? undefined : this.#leasedUntilMs(key, record);
    };
    for (;;) {
      const key = this.#leaseEnds.take(nowMs, leaseEndOf);
      if (key === undefined) return;
      const record = this.#leased.get(key);
      this.#leased.delete(key);
      if (record !== undefined) this.#setRefusing(key, record);
    }
  }

  #setRefusing(key: string, record: ScopeRecord): void {
    this.#refusing.set(key, record);
    this.#readmissions.add(key, refusesUntilMs(record));
    // One that is set aside again and again leaves an outdated entry behind each time.
    if (this.#readmissions.size <= 2 * this.#refusing.size + 64) return;
    this.#readmissions.clear();
    for (const [each, refusing] of this.#refusing) {
      this.#readmissions.add(each, refusesUntilMs(refusing));
    }
  }

  #setAside(key: string): ScopeRecord | undefined {
    return this.#refusing.get(key) ?? this.#leased.get(key);
  }

  #peek(key: string): ScopeRecord | undefined {
    return this.#inUse.peek(key) ?? this.#setAside(key);
  }

  #oldestInUse(): Candidate | undefined {
    for (const key of this.#inUse.rkeys()) {
      const record = this.#inUse.peek(key);
      if (record !== undefined) return { key, record };
    }
    return undefined;
  }

  // A key that comes and goes leaves an outdated deadline behind each time. Past twice the number
  // of records they are all listed anew, which costs each of them one step.
  #trimDeadlines(): void {
    if (this.#expiries.size <= 2 * (this.size + this.leasedSize) + 64) return;
    this.#expiries.clear();
    for (const records of [this.#inUse, this.#refusing, this.#leased]) {
      for (const [key, record] of records.entries()) this.#expiries.add(key, record[EXPIRES] ?? 0);
    }
  }
}
