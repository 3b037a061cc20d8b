/**
 * Calls that wait for room instead of being refused: in order, in turns, and not for ever.
 *
 *     pnpm example examples/waiting.ts
 */
import { setImmediate as turn } from "node:timers/promises";

import { type AcquireOptions, createLimiter, memoryStore } from "@tollgate/core";
import { manualClock } from "@tollgate/core/testing";

import { isMain } from "./serve.ts";

type Say = (line: string) => void;

const MINUTE = 60_000;

async function queue(say: Say): Promise<void> {
  const clock = manualClock();
  let askedAtMs = clock.now();
  const limiter = createLimiter({
    limits: [{ type: "count", window: "minute", limit: 2, scope: "tenant", name: "calls" }],
    store: memoryStore({ clock: clock.now }),
    waiting: { maxWaitMs: 10 * MINUTE, maxPerSubject: 4, scheduler: clock.scheduler },
    onEvent: (event) => {
      if (event.type !== "waited" || event.outcome === "admitted") return;
      say(`  event: ${event.outcome} after ${String(event.waitedMs / 1000)} s`);
    },
  });
  const ask = async (user: string, options?: AcquireOptions, name = user): Promise<void> => {
    const subject = { tenant: "acme", user };
    try {
      const {
        allowed,
        reason = "",
        decidedAtMs,
      } = await limiter.acquire(subject, { count: 1 }, options);
      const waited = (decidedAtMs - askedAtMs) / 1000;
      say(`  ${name}: ${allowed ? `admitted after ${String(waited)} s` : `refused: ${reason}`}`);
    } catch {
      say(`  ${name}: nobody waits for the answer any more`);
    }
  };

  say("All of acme may make two calls a minute, and Ann makes three: the third waits");
  const calls = [ask("ann"), ask("ann"), ask("ann")];
  await turn();
  say(`  ${String(limiter.waiting.waiting)} waiting`);
  clock.advance(MINUTE);
  await Promise.all(calls);

  say("Nobody is kept waiting who has no time for it");
  askedAtMs = clock.now();
  await ask("ann");
  await ask("ann", { maxWaitMs: 10_000 });

  say("Users take turns, however many calls one of them has waiting");
  const inTurns = ["ann", "ann", "ann", "bob", "carl"].map(async (user) => ask(user));
  clock.advance(3 * MINUTE);
  await Promise.all(inTurns);

  say("Of the calls of one user, those of higher priority go first");
  clock.advance(MINUTE);
  askedAtMs = clock.now();
  const byPriority = [
    ask("bob"),
    ask("bob"),
    ask("bob", {}, "bob's report"),
    ask("bob", { priority: 1 }, "bob's question"),
  ];
  clock.advance(2 * MINUTE);
  await Promise.all(byPriority);

  say("Four may wait of each user; who goes away gives up the place");
  clock.advance(MINUTE);
  askedAtMs = clock.now();
  const closed = new AbortController();
  const names = ["1st", "2nd", "3rd", "4th", "5th", "6th", "7th"];
  const many = names.map(async (name) =>
    ask("carl", name === "3rd" ? { signal: closed.signal } : {}, `carl's ${name}`),
  );
  clock.advance(5000);
  closed.abort();
  await turn();
  clock.advance(2 * MINUTE);
  await Promise.all(many);

  const { admitted, abandoned, overflowed, longestWaitMs } = limiter.waiting;
  say(
    `  in all ${String(admitted)} admitted, ${String(abandoned)} abandoned, ` +
      `${String(overflowed)} too many, and none waited for more than ${String(longestWaitMs / 1000)} s`,
  );
  limiter.close();
}

async function slowDown(say: Say): Promise<void> {
  const clock = manualClock();
  const limiter = createLimiter({
    limits: [{ type: "count", window: "minute", limit: 10 }],
    store: memoryStore({ clock: clock.now }),
    waiting: { scheduler: clock.scheduler },
  });
  const delays: string[] = [];
  const slower = { slowDown: { above: 50, maxDelayMs: 1000 } };
  const calls = Array.from({ length: 10 }, async () => {
    await limiter.acquire("dora", { count: 1 }, slower);
    delays.push(String(clock.scheduler.now()));
  });
  for (let step = 0; step < 10; step += 1) {
    await turn();
    clock.advance(100);
  }
  await Promise.all(calls);
  say(`  ms of delay: ${delays.join(", ")}`);
  limiter.close();
}

/** @param say told each line */
export async function run(say: Say = console.log): Promise<void> {
  await queue(say);
  say("Ten calls a minute, slowed down from five on");
  await slowDown(say);
}

if (isMain(import.meta.url)) void run();
