/**
 * Limits in a file, which outlive the process and hold for all processes of one machine.
 *
 *     pnpm example examples/sqlite-store.ts
 *
 * It takes a temporary file. What stands between the marks is the quick start in the documentation.
 */
// <quick start>
import { createLimiter } from "@tollgate/core";
import { sqliteStore } from "@tollgate/sql";
import Database from "better-sqlite3";
// </quick start>

import { runOn, temporaryFile } from "./database.ts";
import { isMain } from "./serve.ts";
import { share, startAnew } from "./sharing.ts";

/** What every process does. */
function open(file: string) {
  // <quick start>
  const database = new Database(file, { timeout: 5_000 }); // how long to wait while another process writes
  database.pragma("journal_mode = WAL");
  database.pragma("synchronous = NORMAL");
  const store = sqliteStore({ database, sweepEveryMs: 600_000 });
  const limiter = createLimiter({
    limits: [
      { type: "count", window: "minute", limit: 60, scope: "user" },
      { type: "token", window: "month", limit: 20_000_000, scope: "tenant" },
    ],
    store,
  });
  // </quick start>
  return { database, store, limiter };
}

/** @param say told each line */
export async function run(file: string, say: (line: string) => void = console.log): Promise<void> {
  const { database, store, limiter } = open(file);
  await startAnew(limiter);

  say("Ann asks for up to 1,200 tokens, and uses 700");
  // <quick start>
  const subject = { tenant: "acme", user: "ann" };
  const { reservation, reason } = limiter.reserve(subject, { count: 1, token: 1_200 }); // no promise
  if (reservation === undefined) throw new Error(reason);
  limiter.settle(reservation.id, { token: 700 }); // by any process; the first one counts
  // </quick start>
  for (const { limit, current, max } of limiter.usage(subject)) {
    say(`  ${limit}: ${String(current)} of ${String(max)}`);
  }

  const other = open(file);
  await share(limiter, other.limiter, say);
  other.limiter.close();
  other.store.close();
  other.database.close();
  // <quick start>
  // When the process ends. The store stops sweeping; the database stays yours.
  limiter.close();
  store.close();
  database.close();
  // </quick start>
}

if (isMain(import.meta.url)) await runOn(temporaryFile("usage.db"), (file) => run(file));
