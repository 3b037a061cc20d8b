/**
 * Memory given back after a peak: expired usage is removed every so often, until the process stops.
 *
 *     pnpm example examples/clean-up.ts
 */
import { createLimiter, type Limiter, memoryStore, type Scheduler } from "@tollgate/core";
import { manualClock } from "@tollgate/core/testing";

import { isMain } from "./serve.ts";

/** Calls `task` every so often until the returned function is called. */
export type Every = (periodMs: number, task: () => void) => () => void;

/** A timer that does not keep a process alive which has nothing else to do. */
export const everyUnref: Every = (periodMs, task) => {
  const timer = setInterval(task, periodMs);
  timer.unref();
  return () => {
    clearInterval(timer);
  };
};

export interface CleanUpOptions {
  /** @default ten minutes */
  readonly periodMs?: number;
  /** @default a timer of this process */
  readonly every?: Every;
  /** Told how many cells were removed, each time there were any. */
  readonly onRemoved?: (cells: number) => void;
}

/** Removes what has expired from a limiter's store, again and again. Returns what stops that. */
export function cleanUp(
  limiter: Limiter,
  { periodMs = 600_000, every = everyUnref, onRemoved }: CleanUpOptions = {},
): () => void {
  let running = false;
  const removeExpired = async (): Promise<void> => {
    // A large table can take longer than the period.
    if (running) return;
    running = true;
    try {
      const cells = await limiter.resetExpired();
      if (cells > 0) onRemoved?.(cells);
    } catch {
      // Listeners have been told: there was a `storeFailure` event. The next time may be better.
    } finally {
      running = false;
    }
  };
  return every(periodMs, () => void removeExpired());
}

/** The same by a clock of one's own. */
const everyBy =
  ({ after }: Scheduler): Every =>
  (periodMs, task) => {
    const wait = (): (() => void) =>
      after(periodMs, () => {
        cancel = wait();
        task();
      });
    let cancel = wait();
    return () => {
      cancel();
    };
  };

/** @param say told each line */
export async function run(say: (line: string) => void = console.log): Promise<void> {
  const clock = manualClock();
  const store = memoryStore({ clock: clock.now });
  const limiter = createLimiter({
    limits: [
      { type: "count", window: "minute", limit: 10 },
      { type: "token", window: "hour", limit: 10_000 },
    ],
    store,
  });
  const stop = cleanUp(limiter, {
    every: everyBy(clock.scheduler),
    onRemoved: (cells) => {
      say(`  ${String(cells)} cells removed`);
    },
  });
  // A server does this when it is told to end: process.once("SIGTERM", shutDown).
  const shutDown = (): void => {
    stop();
    limiter.close();
  };
  const pass = async (minutes: number): Promise<void> => {
    for (let minute = 0; minute < minutes; minute += 1) {
      clock.advance(60_000);
      await new Promise(setImmediate);
    }
    say(`  ${String(minutes)} min later: ${String(store.stats().keys)} callers kept`);
  };
  const visit = (callers: number): void => {
    for (let n = 0; n < callers; n += 1) {
      limiter.checkAndRecord(`caller-${String(n)}`, { count: 1, token: 20 });
    }
    say(`  ${String(store.stats().keys)} callers kept`);
  };

  say("A thousand callers come once, and are kept for as long as any of their usage counts");
  visit(1000);
  await pass(59);
  await pass(1);

  say("After the shutdown nothing is removed any more");
  visit(10);
  shutDown();
  await pass(120);
}

if (isMain(import.meta.url)) void run();
