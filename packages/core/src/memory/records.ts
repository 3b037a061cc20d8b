import {
  BLOCKED_UNTIL,
  cellsIn,
  EXPIRES,
  GENERATION,
  type ScopeRecord,
  tombstone,
  WRITTEN,
} from "../algorithms/record.ts";
import type { Records } from "../evaluate.ts";
import { encodeKey } from "../keys.ts";
import type { Plan } from "../policy/plan.ts";
import type { Address, Eviction } from "../store.ts";
import { type Candidate, MemorySpace } from "./space.ts";

/** How many expired records a new one removes first: more than one, so the dead always shrink. */
const SWEEP_PER_RECORD = 4;

/**
 * The key of a record within its space: the id as it came, since joining strings costs more than
 * the rest of a decision; a pair begins with `#`, as no id does (see `keys.ts`).
 */
function keyAt({ plan, ids, tenant }: Address, scope: number): string {
  const id = ids[scope] ?? "";
  if (tenant === undefined || id === "" || plan.scopes[scope]?.withinTenant !== true) return id;
  return `#${String(tenant.length)}:${tenant}${id}`;
}

/** The same as stores have it that find records by text; see `shared/record-keys.ts`. */
function portableKey(space: string, key: string): string {
  const [prefix, length] = /^#(\d+):/.exec(key) ?? [];
  if (prefix === undefined) return encodeKey([space, key]);
  const tenantEnd = prefix.length + Number(length);
  return encodeKey([space, key.slice(prefix.length, tenantEnd), key.slice(tenantEnd)]);
}

/** All records of a memory store, by scope, under one bound. */
export class MemoryRecords {
  readonly #maxKeys: number;
  readonly #evicted: (eviction: Eviction) => void;
  readonly #spaces = new Map<string, MemorySpace>();
  // The spaces of a plan are looked up once; most stores serve a single plan.
  readonly #spacesOf = new WeakMap<object, readonly MemorySpace[]>();
  #lastPlan: object | undefined;
  #lastSpaces: readonly MemorySpace[] = [];

  constructor(maxKeys: number, evicted: (eviction: Eviction) => void) {
    this.#maxKeys = maxKeys;
    this.#evicted = evicted;
  }

  /** Records that count against the bound. */
  get size(): number {
    let size = 0;
    for (const space of this.#spaces.values()) size += space.size;
    return size;
  }

  get leasedSize(): number {
    let size = 0;
    for (const space of this.#spaces.values()) size += space.leasedSize;
    return size;
  }

  /** The record of an address with one scope, unless it is set aside, where using it needs more. */
  inUse(address: Address, nowMs: number): ScopeRecord | undefined {
    return this.#spacesFor(address)[0]?.inUse(keyAt(address, 0), nowMs);
  }

  /** The records at an address, `undefined` where there is none. */
  find(address: Address, nowMs: number): Records {
    const spaces = this.#spacesFor(address);
    // A copy of the right length; an array that grows by `push` starts with room for 17.
    const records: Records = address.plan.noRecords.slice();
    for (let s = 0; s < spaces.length; s += 1) {
      const key = keyAt(address, s);
      if (key !== "") records[s] = spaces[s]?.get(key, nowMs);
    }
    return records;
  }

  /** Keeps the records that a decision made or wrote. `found` is what it started from. */
  keep(
    address: Address,
    found: Readonly<Records>,
    records: Readonly<Records>,
    nowMs: number,
  ): void {
    const spaces = this.#spacesFor(address);
    for (let s = 0; s < spaces.length; s += 1) {
      const space = spaces[s];
      const record = records[s];
      if (space === undefined || record === undefined) continue;
      if (found[s] === undefined) {
        this.#removeExpired(nowMs);
        this.#shrinkTo(this.#maxKeys - 1, nowMs);
        space.add(keyAt(address, s), record);
      } else if (space.hasSetAside && record[WRITTEN] === nowMs) {
        const key = keyAt(address, s);
        // From now on it counts again, as the record that was used last.
        if (space.leaseHasEnded(key, nowMs)) this.#shrinkTo(this.#maxKeys - 1, nowMs);
        space.wrote(key, nowMs);
      }
    }
  }

  /**
   * Removes the records at an address, leaving a mark while reservations can be settled: also where
   * the record had expired, since it may be there again by then.
   */
  forget(address: Address, nowMs: number, settleableUntilMs: number): void {
    for (const [s, record] of this.find(address, nowMs).entries()) {
      const space = this.#spacesFor(address)[s];
      const key = keyAt(address, s);
      if (space === undefined || key === "") continue;
      space.delete(key);
      if (settleableUntilMs <= nowMs) continue;
      this.#shrinkTo(this.#maxKeys - 1, nowMs);
      space.add(key, tombstone(record, nowMs, settleableUntilMs));
      space.keepMark(key, settleableUntilMs);
    }
  }

  /** A reservation taken there was given more time: where it was from before a reset, so is the mark. */
  extendMarks(address: Address, records: Readonly<Records>, untilMs: number): void {
    for (const [s, record] of records.entries()) {
      if ((record?.[GENERATION] ?? 0) === 0) continue;
      this.#spacesFor(address)[s]?.keepMark(keyAt(address, s), untilMs);
    }
  }

  /** Everything that has not expired. */
  *entries(nowMs: number): Generator<readonly [key: string, record: ScopeRecord]> {
    for (const [name, space] of this.#spaces) {
      for (const [key, record] of space.entries()) {
        if ((record[EXPIRES] ?? 0) > nowMs) yield [portableKey(name, key), record];
      }
    }
  }

  /** Removes all that expired by `untilMs` and counts its cells. */
  sweep(untilMs: number): number {
    let cells = 0;
    for (const space of this.#spaces.values()) {
      for (;;) {
        const record = space.removeExpired(untilMs);
        if (record === undefined) break;
        cells += cellsIn(record);
      }
    }
    return cells;
  }

  #removeExpired(nowMs: number): void {
    for (const space of this.#spaces.values()) {
      for (let n = 0; n < SWEEP_PER_RECORD && space.earliestExpiryMs <= nowMs; n += 1) {
        space.removeExpired(nowMs);
      }
    }
  }

  #shrinkTo(keys: number, nowMs: number): void {
    while (this.size > keys) {
      const victim = this.#idleVictim(nowMs) ?? this.#refusingVictim();
      // None is left that counts: all that remain are leased, which have a bound of their own.
      if (victim === undefined) return;
      victim.space.delete(victim.candidate.key);
      this.#evicted({ space: victim.name, refusing: victim.refusing });
    }
  }

  // Spaces keep the order of use; between them the time of the last charge decides.
  #idleVictim(nowMs: number): Victim | undefined {
    let victim: Victim | undefined;
    for (const [name, space] of this.#spaces) {
      const candidate = space.idleCandidate(nowMs);
      if (candidate === undefined) continue;
      if (victim === undefined || lastWrittenMs(candidate) < lastWrittenMs(victim.candidate)) {
        victim = { name, space, candidate, refusing: false };
      }
    }
    return victim;
  }

  #refusingVictim(): Victim | undefined {
    let victim: Victim | undefined;
    for (const [name, space] of this.#spaces) {
      const candidate = space.refusingCandidate();
      if (candidate === undefined) continue;
      if (victim === undefined || readmittedMs(candidate) < readmittedMs(victim.candidate)) {
        victim = { name, space, candidate, refusing: true };
      }
    }
    return victim;
  }

  #spacesFor({ plan }: Address): readonly MemorySpace[] {
    return plan === this.#lastPlan ? this.#lastSpaces : this.#switchTo(plan);
  }

  #switchTo(plan: Plan): readonly MemorySpace[] {
    const spaces = this.#spacesOf.get(plan) ?? plan.scopes.map(({ space }) => this.#space(space));
    this.#spacesOf.set(plan, spaces);
    this.#lastPlan = plan;
    this.#lastSpaces = spaces;
    return spaces;
  }

  #space(name: string): MemorySpace {
    const space = this.#spaces.get(name) ?? new MemorySpace(this.#maxKeys);
    this.#spaces.set(name, space);
    return space;
  }
}

interface Victim {
  readonly name: string;
  readonly space: MemorySpace;
  readonly candidate: Candidate;
  readonly refusing: boolean;
}

const lastWrittenMs = ({ record }: Candidate): number => record[WRITTEN] ?? 0;
const readmittedMs = ({ record }: Candidate): number => record[BLOCKED_UNTIL] ?? 0;
