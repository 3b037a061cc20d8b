import { asciiJson, cellsIn, type Engine, runTrip, type StoredUsage } from "@tollgate/core/shared";

import { rowOf, usageOf } from "../moving.ts";
import { packNumbers, unpackNumbers } from "../row-codec.ts";
import {
  type ChangedRow,
  changesOf,
  expiryOf,
  recordEntry,
  RESERVATIONS,
  reservationEntry,
  type Row,
  stateOf,
} from "../rows.ts";
import type { Settings } from "../store-options.ts";
import { startSweeping } from "../sweeper.ts";
import type { SqliteDatabase, SqliteRow, SqliteStatement } from "./client.ts";
import { checkSqliteVersion, migrateSqlite, rollBack } from "./migrate.ts";

const SWEEP_BATCH = 500;
const EXPORT_PAGE = 500;

// The database's own idea of the time, which no process can have a different one of.
const CLOCK = "SELECT CAST(ROUND((julianday('now') - 2440587.5) * 86400000) AS INTEGER) AS now_ms";

/** A row as the driver hands it out; `node:sqlite` has other bytes than `better-sqlite3`. */
const rowFrom = (row: SqliteRow): Row => {
  const { entry_key: entryKey, numbers, details } = row;
  const bytes =
    numbers instanceof Uint8Array
      ? Buffer.from(numbers.buffer, numbers.byteOffset, numbers.byteLength)
      : Buffer.alloc(0);
  return {
    entryKey: String(entryKey),
    numbers: unpackNumbers(bytes),
    details: typeof details === "string" ? details : null,
  };
};

/**
 * SQLite by the rules in this process: everything runs inside `BEGIN IMMEDIATE`, which only one
 * connection of all processes can be in.
 */
export class SqliteEngine implements Engine {
  readonly synchronous = true;
  readonly #database: SqliteDatabase;
  readonly #settings: Settings;
  /** The statements of a call, prepared when the tables are there. */
  #usual: UsualStatements | undefined;
  readonly #stopSweeping: () => void;
  #isReady = false;

  constructor(database: SqliteDatabase, settings: Settings) {
    this.#database = database;
    this.#settings = settings;
    this.#stopSweeping = startSweeping(this, settings.sweepEveryMs);
  }

  readonly migrate = (): void => {
    migrateSqlite(this.#database, this.#settings.names);
    this.#isReady = true;
  };

  readonly run: Engine["run"] = (trip) =>
    this.#transaction(() => {
      const rows = new Map<string, CheckedRow>();
      // One by one: that is what an index of SQLite is fastest at.
      for (const key of trip.keys) this.#readInto(rows, recordEntry(key));
      for (const token of trip.tokens) this.#readInto(rows, reservationEntry(token));
      const state = stateOf(trip, rows, this.#now());
      const answers = runTrip(trip, state);
      for (const change of changesOf(trip, rows, state)) {
        this.#write(change, rows.get(change.entryKey));
      }
      return answers;
    });

  readonly reservation: Engine["reservation"] = (token) => {
    this.#prepareTables();
    const row = this.#read(reservationEntry(token));
    return row && { details: row.details ?? "", numbers: row.numbers.slice() };
  };

  readonly reservationsAt: Engine["reservationsAt"] = (_, ids) => {
    this.#prepareTables();
    const nowMs = this.#now();
    // The texts of all of them are looked at, which is no harm: it is not done for a call.
    const named = ids.map(() => "AND instr(details, ?) > 0").join(" ");
    const found = this.#statement(
      `SELECT entry_key, numbers, details FROM ${this.#settings.names.state} WHERE entry_key >= ? AND entry_key < ? ${named}`,
    ).all(...RESERVATIONS, ...ids.map((id) => asciiJson(id)));
    return found.flatMap((each) => {
      const { entryKey, numbers, details } = rowFrom(each);
      if (expiryOf(entryKey, numbers) <= nowMs) return [];
      return [
        { token: entryKey.slice(2), stored: { details: details ?? "", numbers: [...numbers] } },
      ];
    });
  };

  readonly sweep = (beforeMs: number): number => {
    let cells = 0;
    for (;;) {
      const { swept, looked } = this.#sweepBatch(beforeMs);
      cells += swept;
      if (looked < SWEEP_BATCH) return cells;
    }
  };

  /** Whether this process is to sweep now: then no other will for that long. */
  readonly claimSweep = (forMs: number): boolean =>
    this.#transaction(() => {
      const nowMs = this.#now();
      const { changes } = this.#statement(
        `UPDATE ${this.#settings.names.meta} SET entry_value = ? WHERE entry_name = 'sweep' AND entry_value <= ?`,
      ).run(nowMs + forMs, nowMs);
      return Number(changes) > 0;
    });

  async *exportUsage(): AsyncGenerator<StoredUsage> {
    this.#prepareTables();
    let after = "";
    for (;;) {
      const rows = this.#statement(
        `SELECT entry_key, numbers, details FROM ${this.#settings.names.state} WHERE entry_key > ? ORDER BY entry_key LIMIT ?`,
      )
        .all(after, EXPORT_PAGE)
        .map(rowFrom);
      const nowMs = this.#now();
      for (const row of rows) yield* usageOf(row, nowMs);
      const last = rows.at(-1);
      if (rows.length < EXPORT_PAGE || last === undefined) return;
      after = last.entryKey;
    }
  }

  readonly importUsage = (usage: readonly StoredUsage[]): void => {
    this.#transaction(() => {
      for (const entry of usage) {
        const row = rowOf(entry);
        this.#write(row, this.#read(row.entryKey));
      }
    });
  };

  readonly close = (): void => {
    this.#stopSweeping();
    this.#usual = undefined;
  };

  #prepareTables(): void {
    if (this.#isReady) return;
    if (this.#settings.migratesItself) this.migrate();
    else checkSqliteVersion(this.#database, this.#settings.names);
    this.#isReady = true;
  }

  #transaction<T>(work: () => T): T {
    this.#prepareTables();
    const { begin, commit, rollback } = this.#statements();
    begin.run();
    try {
      const result = work();
      commit.run();
      return result;
    } catch (error) {
      rollBack(() => rollback.run());
      throw error;
    }
  }

  #now(): number {
    const { clock } = this.#settings;
    if (clock !== undefined) return clock();
    return Number(this.#statements().clock.get()?.["now_ms"]);
  }

  #read(entry: string): CheckedRow | undefined {
    const row = this.#statements().read.get(entry);
    return row && { ...rowFrom(row), checkAtMs: Number(row["check_at_ms"]) };
  }

  #readInto(rows: Map<string, CheckedRow>, entry: string): void {
    const row = this.#read(entry);
    if (row !== undefined) rows.set(entry, row);
  }

  #write(change: ChangedRow, before: CheckedRow | undefined): void {
    const { entryKey, numbers, details, expiresAtMs } = change;
    const { insert, update, checkAt } = this.#statements();
    const packed = packNumbers(numbers);
    if (before === undefined) {
      insert.run(entryKey, packed, details, expiresAtMs);
      return;
    }
    update.run(packed, details, entryKey);
    if (expiresAtMs < before.checkAtMs) checkAt.run(expiresAtMs, entryKey);
  }

  #sweepBatch(beforeMs: number): { readonly swept: number; readonly looked: number } {
    return this.#transaction(() => {
      const { state } = this.#settings.names;
      const untilMs = Math.min(beforeMs, this.#now());
      const rows = this.#statement(
        `SELECT entry_key, numbers, details FROM ${state} WHERE check_at_ms <= ? ORDER BY check_at_ms LIMIT ?`,
      )
        .all(untilMs, SWEEP_BATCH)
        .map(rowFrom);
      let swept = 0;
      for (const { entryKey, numbers } of rows) {
        const expiresAtMs = expiryOf(entryKey, numbers);
        if (expiresAtMs > untilMs) {
          this.#statements().checkAt.run(expiresAtMs, entryKey);
        } else {
          this.#statement(`DELETE FROM ${state} WHERE entry_key = ?`).run(entryKey);
          if (entryKey.startsWith("r:")) swept += cellsIn(numbers);
        }
      }
      return { swept, looked: rows.length };
    });
  }

  #statements(): UsualStatements {
    this.#usual ??= usualStatements(this.#database, this.#settings.names.state);
    return this.#usual;
  }

  #statement(text: string): SqliteStatement {
    return this.#database.prepare(text);
  }
}

/** A row and when a sweep looks at it. */
interface CheckedRow extends Row {
  readonly checkAtMs: number;
}

const usualStatements = (database: SqliteDatabase, state: string) => ({
  begin: database.prepare("BEGIN IMMEDIATE"),
  commit: database.prepare("COMMIT"),
  rollback: database.prepare("ROLLBACK"),
  clock: database.prepare(CLOCK),
  read: database.prepare(
    `SELECT entry_key, numbers, details, check_at_ms FROM ${state} WHERE entry_key = ?`,
  ),
  insert: database.prepare(
    `INSERT INTO ${state} (entry_key, numbers, details, check_at_ms) VALUES (?, ?, ?, ?)`,
  ),
  update: database.prepare(`UPDATE ${state} SET numbers = ?, details = ? WHERE entry_key = ?`),
  checkAt: database.prepare(`UPDATE ${state} SET check_at_ms = ? WHERE entry_key = ?`),
});

type UsualStatements = ReturnType<typeof usualStatements>;
