/**
 * Usage that moves: from memory to SQLite as a service learns to restart, and on to Redis as it grows to
 * several processes. Nobody's month is forgiven on the way.
 *
 *     REDIS_URL=redis://localhost:6379 pnpm example examples/moving-stores.ts
 *
 * Without REDIS_URL it starts a Redis of its own. What stands between the marks is in the documentation.
 */
// <moving>
import type { Store, StoredUsage } from "@tollgate/core";
// </moving>
import { createLimiter, type LimitInput, memoryStore } from "@tollgate/core";
import { redisStore } from "@tollgate/redis";
import { sqliteStore } from "@tollgate/sql";
import Database from "better-sqlite3";
import { Redis } from "ioredis";

import { runOn, serverFor, temporaryFile } from "./database.ts";
import { isMain } from "./serve.ts";
import { ann, startAnew } from "./sharing.ts";

// <moving>
/** While nobody uses either. Returns how many records and reservations were moved. */
export async function moveUsage(from: Store, to: Store): Promise<number> {
  if (from.exportUsage === undefined) throw new TypeError("this store exports nothing");
  if (to.importUsage === undefined) throw new TypeError("this store imports nothing");
  let moved = 0;
  let page: StoredUsage[] = [];
  for await (const usage of from.exportUsage()) {
    moved += 1;
    if (page.push(usage) < 500) continue;
    await to.importUsage(page);
    page = [];
  }
  await to.importUsage(page);
  return moved;
}
// </moving>

// Usage is found by the limiter's name and by what a limit meters: both stay what they were.
const limits: LimitInput[] = [
  { type: "count", window: "minute", limit: 60, scope: "user" },
  { type: "token", window: "month", limit: 20_000_000, scope: "tenant" },
];

/** @param say told each line */
export async function run(
  url: string,
  file: string,
  say: (line: string) => void = console.log,
): Promise<void> {
  say("In memory, Ann uses 5,000 tokens of her tenant's month; a call for 800 more is running");
  const memory = memoryStore();
  const before = createLimiter({ limits, store: memory });
  before.record(ann, { count: 3, token: 5_000 });
  const { reservation } = before.reserve(ann, { count: 1, token: 800 });

  say("Her usage moves to a file, and the service to a limiter on that");
  before.close();
  const database = new Database(file);
  database.pragma("journal_mode = WAL");
  const local = sqliteStore({ database });
  say(`  ${String(await moveUsage(memory, local))} records and reservations moved`);
  const now = createLimiter({ limits, store: local });
  for (const { limit, current, held } of now.usage(ann)) {
    say(`  ${limit}: ${String(current)}, ${String(held)} of it held`);
  }

  say("Then to Redis");
  now.close();
  const client = new Redis(url);
  const shared = redisStore({ client });
  const later = createLimiter({ limits, store: shared });
  await startAnew(later);
  say(`  ${String(await moveUsage(local, shared))} records and reservations moved`);

  say("The call that began in memory ends here");
  const { outcome, cost } = await later.settle(reservation?.id ?? "", { token: 300 });
  say(`  ${outcome} at ${String(cost["token"])} tokens`);
  for (const { limit, current, held } of await later.usage(ann)) {
    say(`  ${limit}: ${String(current)}, ${String(held)} of it held`);
  }
  await later.close();
  client.disconnect();
  local.close();
  database.close();
}

if (isMain(import.meta.url)) {
  await runOn(await serverFor("redis"), async (url) =>
    runOn(temporaryFile("usage.db"), (file) => run(url, file)),
  );
}
