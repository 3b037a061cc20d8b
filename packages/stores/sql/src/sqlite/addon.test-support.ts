import Database from "better-sqlite3";

/** Why tests on better-sqlite3 cannot run, which is then printed; `undefined` where they can. */
export function whyNoSqlite(suite: string): string | undefined {
  try {
    new Database(":memory:").close();
    return undefined;
  } catch {
    const reason = `SKIPPED: ${suite}, needs better-sqlite3 to be compiled`;
    process.stderr.write(`${reason}\n`);
    return reason;
  }
}
