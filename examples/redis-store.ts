/**
 * Limits that processes share, kept in Redis.
 *
 *     REDIS_URL=redis://localhost:6379 pnpm example examples/redis-store.ts
 *
 * Without REDIS_URL it starts a Redis of its own. What stands between the marks is the quick start in
 * the documentation.
 */
// <quick start>
import { createLimiter } from "@tollgate/core";
import { redisStore } from "@tollgate/redis";
import { Redis } from "ioredis";
// </quick start>

import { runOn, serverFor } from "./database.ts";
import { isMain } from "./serve.ts";
import { share, startAnew } from "./sharing.ts";

/** What every process does. */
function open(url: string) {
  // <quick start>
  const client = new Redis(url); // redis://localhost:6379
  client.on("error", (error) => {
    console.error(`Redis: ${error.message}`);
  });
  const limiter = createLimiter({
    limits: [
      { type: "count", window: "minute", limit: 60, scope: "user" },
      { type: "token", window: "month", limit: 20_000_000, scope: "tenant" },
    ],
    store: redisStore({ client }),
  });
  // </quick start>
  return { client, limiter };
}

/** @param say told each line */
export async function run(url: string, say: (line: string) => void = console.log): Promise<void> {
  const { client, limiter } = open(url);
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
  other.client.disconnect();
  // <quick start>
  // When the process ends. The client stays yours.
  await limiter.close();
  await client.quit();
  // </quick start>
}

if (isMain(import.meta.url)) await runOn(await serverFor("redis"), (url) => run(url));
