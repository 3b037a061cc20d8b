/**
 * How many calls may run at one time: slots, which are free again when a call ends or its lease does.
 *
 *     pnpm example examples/concurrency.ts
 */
import { createLimiter, type Decision, memoryStore } from "@tollgate/core";
import { manualClock } from "@tollgate/core/testing";

import { isMain } from "./serve.ts";

const describe = ({ outcome, reason, retryAfterMs }: Decision): string =>
  retryAfterMs === undefined
    ? `${outcome}${reason === undefined ? "" : `: ${reason}`}`
    : `${outcome}: there is room in ${String(retryAfterMs / 1000)} s at the latest`;

/** @param say told each line */
export async function run(say: (line: string) => void = console.log): Promise<void> {
  const clock = manualClock();
  const limiter = createLimiter({
    limits: [{ type: "concurrency", limit: 2, scope: "user", name: "running" }],
    store: memoryStore({ clock: clock.now }),
    leaseMs: 60_000,
    waiting: { scheduler: clock.scheduler },
  });
  const ann = { user: "ann" };
  // `limiter.reserve(ann)` is the same without waiting.
  const begin = async (maxWaitMs = 0): Promise<Decision> =>
    limiter.acquire(ann, undefined, { reserve: true, maxWaitMs });
  const end = ({ reservation }: Decision): void => {
    if (reservation !== undefined) limiter.release(reservation.id);
  };
  const taken = (): string => {
    const [usage] = limiter.usage(ann);
    return `${String(usage?.current)} of ${String(usage?.max)} slots taken`;
  };

  say("Ann may have two calls running; a third is refused");
  const first = await begin();
  clock.advance(10_000);
  const second = await begin();
  say(`  ${describe(await begin())}`);

  say("The first ends, and its slot is free at once");
  end(first);
  const third = await begin();
  say(`  ${describe(third)}`);

  say("Who would rather wait is let in when the next one ends");
  const waiting = begin(30_000);
  clock.advance(5000);
  say(`  ${String(limiter.waiting.waiting)} waiting for 5 s`);
  end(third);
  const fourth = await waiting;
  say(`  ${describe(fourth)}, ${String(limiter.waiting.waiting)} waiting`);

  say("A call that goes on renews its lease; one that died does not, and loses its slot");
  clock.advance(45_000);
  if (fourth.reservation !== undefined) limiter.renew(fourth.reservation.id);
  say(`  ${taken()}`);
  clock.advance(10_000);
  say(`  10 s later ${taken()}`);

  say("If it ends after all, that frees no other's");
  end(second);
  say(`  ${taken()}`);

  say("A call may take several slots, but not more than there are");
  say(`  ${describe(limiter.reserve(ann, { concurrency: 2 }))}`);
  say(`  ${describe(limiter.reserve(ann, { concurrency: 3 }))}`);
  limiter.close();
}

if (isMain(import.meta.url)) void run();
