import { systemClock, TollgateError } from "@tollgate/core";
import {
  asciiJson,
  cellsIn,
  type Clock,
  type Engine,
  type ListedReservation,
  runTrip,
  type State,
  type StoredUsage,
  type Trip,
  type TripAnswers,
  wireTrip,
} from "@tollgate/core/shared";

import { expiryOf, recordEntry, reservationEntry } from "../rows.ts";
import { integerOf, numberArray, numbersOf, textArray, textOf, textsOf } from "./literals.ts";
import { withRetries } from "./retry.ts";
import type { PostgresSeam } from "./seam.ts";
import { PAGE_SIZE, type Statements, statements } from "./statements.ts";

export interface PostgresEngineOptions {
  /** Begins the names of the table and the function; checked by the caller. */
  readonly prefix: string;
  /** In place of the database's clock: for tests. */
  readonly clock?: Clock | undefined;
  /** Shows about what the database's clock shows, until that has told its time. @default the system's */
  readonly ownClock?: Clock;
}

/** How often a trip may be stale one after the other: once, unless clocks run away from each other. */
const MAX_STALE = 3;

/** How often rows may be missing: once, unless somebody removes them as fast as they are made. */
const MAX_MISSING = 10;

// What the function answers; see `run-function.ts`.
const STALE = "1";
const ROWS_MISSING = "2";

type Row = Readonly<Record<string, unknown>>;

/**
 * Moves the state in PostgreSQL by the function that `runFunction` makes, which must be there already:
 * one statement for all jobs of a trip.
 */
export function postgresEngine(seam: PostgresSeam, options: PostgresEngineOptions): Engine {
  return new PostgresEngine(seam, options);
}

class PostgresEngine implements Engine {
  readonly synchronous = false;
  readonly #seam: PostgresSeam;
  readonly #prefix: string;
  readonly #clock: Clock | undefined;
  readonly #ownClock: Clock;
  readonly #statements: Statements;
  /** By how much the database's clock is ahead of ours, when we last heard of it. */
  #aheadMs = 0;

  constructor(
    seam: PostgresSeam,
    { prefix, clock, ownClock = systemClock }: PostgresEngineOptions,
  ) {
    this.#seam = seam;
    this.#prefix = prefix;
    this.#clock = clock;
    this.#ownClock = ownClock;
    this.#statements = statements(prefix);
  }

  readonly run = async (trip: Trip): Promise<TripAnswers> => {
    const keys = trip.keys.map(recordEntry);
    const keysText = textArray(keys);
    const tokensText = textArray(trip.tokens.map(reservationEntry));
    let [stale, missing] = [0, 0];
    for (;;) {
      const clockMs = this.#clock?.();
      const wire = wireTrip(trip, clockMs, clockMs ?? this.#ownClock() + this.#aheadMs);
      const values = [keysText, tokensText, numberArray(wire.numbers), textArray(wire.details)];
      const [row = {}] = await withRetries(async () => this.#query("run", values));
      if (row["status"] === ROWS_MISSING) {
        missing += 1;
        if (missing > MAX_MISSING) throw failure("rows are removed as fast as they are made");
        await withRetries(async () => this.#query("makeRows", [keysText, clockMs ?? null]));
        continue;
      }
      const toldMs = integerOf(textOf(row["clock_ms"]));
      this.#aheadMs = toldMs - this.#ownClock();
      if (row["status"] !== STALE) return runTrip(trip, stateIn(row, trip, toldMs));
      stale += 1;
      if (stale >= MAX_STALE) throw failure("its clock and ours run away from each other");
    }
  };

  readonly reservation: Engine["reservation"] = async (token) => {
    const [row] = await this.#query("reservation", [reservationEntry(token)]);
    return row && storedIn(row);
  };

  readonly reservationsAt: Engine["reservationsAt"] = async (_keys, ids) => {
    const texts = textArray(ids.map(asciiJson));
    const rows = await this.#query("openReservations", [texts, this.#now()]);
    return rows.map((row): ListedReservation => ({ token: nameIn(row), stored: storedIn(row) }));
  };

  readonly sweep: Engine["sweep"] = async (beforeMs) => {
    let cells = 0;
    for (;;) {
      const rows = await withRetries(async () =>
        this.#query("sweep", [Math.floor(beforeMs), this.#now()]),
      );
      for (const row of rows) {
        const isGoneRecord = row["numbers"] !== null && textOf(row["entry_key"]).startsWith("r:");
        if (isGoneRecord) cells += cellsIn(numbersOf(textOf(row["numbers"])));
      }
      if (rows.length < PAGE_SIZE) return cells;
    }
  };

  async *exportUsage(): AsyncGenerator<StoredUsage> {
    let after = "";
    for (;;) {
      const rows = await this.#query("page", [after, this.#now()]);
      for (const row of rows) {
        after = textOf(row["entry_key"]);
        if (row["details"] === null)
          yield { key: nameIn(row), record: numbersOf(textOf(row["numbers"])) };
        else yield { token: nameIn(row), ...storedIn(row) };
      }
      if (rows.length < PAGE_SIZE) return;
    }
  }

  readonly importUsage: Engine["importUsage"] = async (usage) => {
    // The last of those under one key. Records and reservations go apart, as they are locked.
    const records = new Map<string, NewRow>();
    const reservations = new Map<string, NewRow>();
    for (const entry of usage) {
      if ("key" in entry)
        records.set(recordEntry(entry.key), { numbers: entry.record, details: "" });
      else reservations.set(reservationEntry(entry.token), entry);
    }
    for (const rows of [[...records], [...reservations]]) {
      for (let at = 0; at < rows.length; at += PAGE_SIZE) {
        await this.#put(rows.slice(at, at + PAGE_SIZE));
      }
    }
  };

  readonly close = async (): Promise<void> => undefined;

  async #put(rows: readonly (readonly [entryKey: string, row: NewRow])[]): Promise<void> {
    const values = [
      textArray(rows.map(([entryKey]) => entryKey)),
      textArray(rows.map(([, { numbers }]) => numberArray(numbers))),
      textArray(rows.map(([, { details }]) => details)),
      numberArray(rows.map(([entryKey, { numbers }]) => expiryOf(entryKey, numbers))),
    ];
    await withRetries(async () => this.#query("put", values));
  }

  async #query(
    statement: keyof Statements,
    values: readonly (string | number | null)[],
  ): Promise<readonly Row[]> {
    return this.#seam.query(this.#statements[statement], values, `${this.#prefix}${statement}`);
  }

  #now(): number | null {
    return this.#clock?.() ?? null;
  }
}

interface NewRow {
  readonly numbers: readonly number[];
  readonly details: string;
}

const failure = (why: string): TollgateError =>
  new TollgateError("STORE_FAILED", `PostgreSQL could not be asked: ${why}`);

/** The name of a record or reservation, without what says which of the two it is. */
const nameIn = (row: Row): string => textOf(row["entry_key"]).slice(2);

const storedIn = (row: Row): ListedReservation["stored"] => ({
  numbers: numbersOf(textOf(row["numbers"])),
  details: textOf(row["details"]),
});

/** The state as it was before the trip. */
function stateIn(row: Row, { keys, tokens }: Trip, clockMs: number): State {
  const records = textsOf(row["records"]);
  const reservations = textsOf(row["reservations"]);
  const details = textsOf(row["details"]);
  return {
    clockMs,
    records: keys.map((_, place) => {
      const text = records[place] ?? null;
      return text === null ? undefined : numbersOf(text);
    }),
    reservations: tokens.map((_, place) => {
      const text = reservations[place] ?? null;
      if (text === null) return undefined;
      return { numbers: numbersOf(text), details: details[place] ?? "" };
    }),
  };
}
