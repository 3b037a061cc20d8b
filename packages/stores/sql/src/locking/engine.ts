import { setTimeout } from "node:timers/promises";

import { TollgateError } from "@tollgate/core";
import {
  asciiJson,
  cellsIn,
  type Engine,
  isRandomToken,
  runTrip,
  type StoredUsage,
  type Trip,
  type TripAnswers,
} from "@tollgate/core/shared";

import { rowOf, usageOf } from "../moving.ts";
import {
  type ChangedRow,
  changesOf,
  expiryOf,
  recordEntry,
  reservationEntry,
  type Row,
  type Rows,
  stateOf,
} from "../rows.ts";
import type { Settings } from "../store-options.ts";
import { startSweeping } from "../sweeper.ts";
import type { Tables } from "../tables.ts";
import type { LockingDialect, Statement } from "./dialect.ts";
import type { LockingSeam, Query } from "./seam.ts";

const SWEEP_BATCH = 500;
const PAGE = 500;

/**
 * How often a trip is begun anew because others held its locks, or its rows were gone: each time nothing
 * had been done.
 */
const MAX_TRIES = 8;

/** An empty row that no decision came to use is removed after that. */
const UNUSED_MS = 3_600_000;

/** How many rows are remembered to be there. */
const MAX_SEEN = 20_000;

/** The rows of a trip are not all there: they are made before it is begun anew. */
class MissingRows {
  readonly entries: readonly string[];
  readonly nowMs: number;

  constructor(entries: readonly string[], nowMs: number) {
    this.entries = entries;
    this.nowMs = nowMs;
  }
}

/**
 * A database by the rules in this process: one short transaction locks the rows of a trip in the order
 * of their keys, the rules change them here, and what changed is written back in one statement.
 *
 * Rows are never made while others are locked, which would break that order: a trip that needs some
 * gives its locks back, has them made, and is begun anew.
 */
export class LockingEngine implements Engine {
  readonly synchronous = false;
  readonly #seam: LockingSeam;
  readonly #dialect: LockingDialect;
  readonly #settings: Settings;
  readonly #tables: Tables;
  readonly #stopSweeping: () => void;
  /** Rows that were there: what is not among them is made beforehand, which saves beginning anew. */
  readonly #seen = new Set<string>();

  constructor(seam: LockingSeam, dialect: LockingDialect, settings: Settings, tables: Tables) {
    this.#seam = seam;
    this.#dialect = dialect;
    this.#settings = settings;
    this.#tables = tables;
    this.#stopSweeping = startSweeping(this, settings.sweepEveryMs);
  }

  readonly run = async (trip: Trip): Promise<TripAnswers> => {
    await this.#tables.ready();
    for (let tries = 1; ; tries += 1) {
      try {
        await this.#make(this.#unseen(trip), this.#settings.clock?.() ?? Date.now());
        const answers = await this.#try(trip);
        if (!(answers instanceof MissingRows)) return answers;
        if (tries >= MAX_TRIES) {
          throw new TollgateError("STORE_FAILED", "rows are removed as fast as they are made");
        }
        // Somebody has swept them since they were seen.
        await this.#make(answers.entries, answers.nowMs);
      } catch (error) {
        if (tries >= MAX_TRIES || !this.#dialect.isContention(error)) throw error;
        // At different times, or those that collided would collide again.
        await setTimeout(Math.random() * 10 * tries);
      }
    }
  };

  readonly reservation: Engine["reservation"] = async (token) => {
    await this.#tables.ready();
    const { names } = this.#settings;
    const [row] = await this.#rows(this.#dialect.read(names, [reservationEntry(token)]));
    return row && { details: row.details ?? "", numbers: row.numbers.slice() };
  };

  readonly reservationsAt: Engine["reservationsAt"] = async (_, ids) => {
    await this.#tables.ready();
    const texts = ids.map((id) => asciiJson(id));
    const nowMs = await this.#now();
    const rows = await this.#rows(this.#dialect.reservations(this.#settings.names, texts));
    return rows.flatMap(({ entryKey, numbers, details }) => {
      if (expiryOf(entryKey, numbers) <= nowMs) return [];
      const stored = { details: details ?? "", numbers: numbers.slice() };
      return [{ token: entryKey.slice(2), stored }];
    });
  };

  readonly sweep = async (beforeMs: number): Promise<number> => {
    await this.#tables.ready();
    let cells = 0;
    for (;;) {
      const untilMs = Math.min(beforeMs, await this.#now());
      const { swept, looked } = await this.#transaction((query) => this.#sweep(query, untilMs));
      cells += swept;
      if (looked < SWEEP_BATCH) return cells;
    }
  };

  /** Whether this process is to sweep now: then no other will for that long. */
  readonly claimSweep = async (forMs: number): Promise<boolean> => {
    await this.#tables.ready();
    const nowMs = await this.#now();
    const { names } = this.#settings;
    const [text, values] = this.#dialect.claim(names, nowMs, nowMs + forMs);
    return (await this.#seam.query(text, values)).changed > 0;
  };

  async *exportUsage(): AsyncGenerator<StoredUsage> {
    await this.#tables.ready();
    let after = "";
    for (;;) {
      const rows = await this.#rows(this.#dialect.page(this.#settings.names, after, PAGE));
      const nowMs = await this.#now();
      for (const row of rows) yield* usageOf(row, nowMs);
      const last = rows.at(-1);
      if (rows.length < PAGE || last === undefined) return;
      after = last.entryKey;
    }
  }

  readonly importUsage = async (usage: readonly StoredUsage[]): Promise<void> => {
    await this.#tables.ready();
    for (let at = 0; at < usage.length; at += PAGE) {
      const rows = usage.slice(at, at + PAGE).map(rowOf);
      await this.#ask(this.#dialect.write(this.#settings.names, rows.toSorted(byEntry)));
    }
  };

  readonly close = (): void => {
    this.#stopSweeping();
  };

  /** Rows of the trip's records that may have to be made. */
  #unseen({ keys, jobs }: Trip): readonly string[] {
    const written = new Set<number>();
    for (const { job, places } of jobs) {
      const asks = job.kind === "apply" && job.operations.every(({ mode }) => mode === "check");
      // A settlement mostly finds what it was charged to.
      if (asks || job.kind === "settle" || job.kind === "renew") continue;
      for (const place of places.records) written.add(place);
    }
    return keys
      .filter((_, place) => written.has(place))
      .map(recordEntry)
      .filter((entry) => !this.#seen.has(entry));
  }

  async #make(entries: readonly string[], nowMs: number): Promise<void> {
    if (entries.length === 0) return;
    await this.#ask(this.#dialect.make(this.#settings.names, entries, nowMs + UNUSED_MS));
    this.#note(entries);
  }

  #note(entries: Iterable<string>): void {
    if (this.#seen.size > MAX_SEEN) this.#seen.clear();
    for (const entry of entries) this.#seen.add(entry);
  }

  #try(trip: Trip): Promise<TripAnswers | MissingRows> {
    return this.#transaction(async (query, rollBack) => {
      const { names } = this.#settings;
      const records = trip.keys.map(recordEntry);
      const ended = trip.tokens.filter((token) => !trip.reserved.has(token));
      // One that is drawn at random is on record nowhere. Of the others, locking those that are not there
      // would lock what is around them: reading is enough, since whoever reserves under the same token
      // holds the locks of the same records.
      const repeated = trip.tokens.filter(
        (token) => trip.reserved.has(token) && !isRandomToken(token),
      );
      const locked = [...ended.map(reservationEntry), ...records];
      const { rows, nowMs } = await this.#lock(query, locked, repeated.map(reservationEntry));
      const state = stateOf(trip, rows, this.#settings.clock?.() ?? nowMs);
      const answers = runTrip(trip, state);
      const changes = changesOf(trip, rows, state);
      const missing = records.filter((entry) => !rows.has(entry));
      if (changes.some(({ entryKey }) => missing.includes(entryKey))) {
        await rollBack();
        return new MissingRows(missing, state.clockMs);
      }
      if (changes.length > 0) {
        const [text, values] = this.#dialect.write(names, changes);
        await query(text, values);
      }
      return answers;
    });
  }

  async #lock(
    query: Query,
    locked: readonly string[],
    read: readonly string[],
  ): Promise<{ readonly rows: Rows; readonly nowMs: number }> {
    const { names } = this.#settings;
    const rows = new Map<string, Row>();
    let nowMs = 0;
    const ask = async ([text, values]: Statement): Promise<void> => {
      for (const each of (await query(text, values)).rows) {
        const row = this.#dialect.rowFrom(each);
        rows.set(row.entryKey, row);
        nowMs = Math.max(nowMs, Number(each["now_ms"] ?? 0));
      }
    };
    if (locked.length > 0) await ask(this.#dialect.lock(names, locked));
    if (read.length > 0) await ask(this.#dialect.read(names, read));
    if (nowMs === 0) nowMs = await this.#now(query);
    return { rows, nowMs };
  }

  async #sweep(
    query: Query,
    untilMs: number,
  ): Promise<{ readonly swept: number; readonly looked: number }> {
    const { names } = this.#settings;
    const [select, bounds] = this.#dialect.expired(names, untilMs, SWEEP_BATCH);
    const rows = (await query(select, bounds)).rows.map(this.#dialect.rowFrom);
    const gone: string[] = [];
    let swept = 0;
    for (const { entryKey, numbers } of rows) {
      const expiresAtMs = expiryOf(entryKey, numbers);
      if (expiresAtMs <= untilMs) {
        gone.push(entryKey);
        if (entryKey.startsWith("r:")) swept += cellsIn(numbers);
      } else {
        const [text, values] = this.#dialect.checkLater(names, entryKey, expiresAtMs);
        await query(text, values);
      }
    }
    if (gone.length > 0) {
      const [text, values] = this.#dialect.remove(names, gone);
      await query(text, values);
    }
    return { swept, looked: rows.length };
  }

  #transaction<T>(work: (query: Query, rollBack: () => Promise<void>) => Promise<T>): Promise<T> {
    return this.#seam.withConnection(async (query) => {
      let isOpen = true;
      const end = async (text: string): Promise<void> => {
        if (!isOpen) return;
        isOpen = false;
        await query(text, []);
      };
      await query(this.#dialect.begin, []);
      try {
        const result = await work(query, () => end("ROLLBACK"));
        await end("COMMIT");
        return result;
      } catch (error) {
        // The connection may be gone, and then its transaction is too.
        await end("ROLLBACK").catch(() => undefined);
        throw error;
      }
    });
  }

  async #ask([text, values]: Statement): Promise<void> {
    await this.#seam.query(text, values);
  }

  async #rows([text, values]: Statement): Promise<readonly Row[]> {
    return (await this.#seam.query(text, values)).rows.map(this.#dialect.rowFrom);
  }

  async #now(query: Query = this.#seam.query): Promise<number> {
    const { clock } = this.#settings;
    if (clock !== undefined) return clock();
    const [row] = (await query(this.#dialect.now, [])).rows;
    return Number(row?.["now_ms"]);
  }
}

const byEntry = (a: ChangedRow, b: ChangedRow): number =>
  a.entryKey < b.entryKey ? -1 : a.entryKey > b.entryKey ? 1 : 0;
