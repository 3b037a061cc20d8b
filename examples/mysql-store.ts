/**
 * Limits that processes share, kept in MySQL or MariaDB.
 *
 *     MYSQL_URL=mysql://user:password@localhost:3306/app pnpm example examples/mysql-store.ts
 *
 * Without MYSQL_URL it starts a MariaDB of its own. What stands between the marks is the quick start in
 * the documentation.
 */
// <quick start>
import { createLimiter } from "@tollgate/core";
import { mysqlStore } from "@tollgate/sql";
import mysql from "mysql2/promise";
// </quick start>

import { runOn, serverFor } from "./database.ts";
import { isMain } from "./serve.ts";
import { share, startAnew } from "./sharing.ts";

/** What every process does. */
function open(url: string) {
  // <quick start>
  const pool = mysql.createPool({ uri: url, connectionLimit: 4 }); // mysql://user:password@localhost:3306/app
  const store = mysqlStore({ pool, sweepEveryMs: 600_000 });
  const limiter = createLimiter({
    limits: [
      { type: "count", window: "minute", limit: 60, scope: "user" },
      { type: "token", window: "month", limit: 20_000_000, scope: "tenant" },
    ],
    store,
  });
  // </quick start>
  return { pool, store, limiter };
}

/** @param say told each line */
export async function run(url: string, say: (line: string) => void = console.log): Promise<void> {
  const { pool, store, limiter } = open(url);
  await startAnew(limiter);

  say("Ann asks for up to 1,200 tokens, and uses 700");
  // <quick start>
  const subject = { tenant: "acme", user: "ann" };
  const { reservation, reason } = await limiter.reserve(subject, { count: 1, token: 1_200 });
  if (reservation === undefined) throw new Error(reason);
  await limiter.settle(reservation.id, { token: 700 }); // by any process; the first one counts
  // </quick start>
  for (const { limit, current, max } of await limiter.usage(subject)) {
    say(`  ${limit}: ${String(current)} of ${String(max)}`);
  }

  const other = open(url);
  await share(limiter, other.limiter, say);
  await other.limiter.close();
  await other.store.close();
  await other.pool.end();
  // <quick start>
  // When the process ends. The store stops sweeping; the pool stays yours.
  await limiter.close();
  await store.close();
  await pool.end();
  // </quick start>
}

if (isMain(import.meta.url)) await runOn(await serverFor("mariadb"), (url) => run(url));
