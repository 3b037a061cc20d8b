import type { Scheduler } from "../clock.ts";

/** A scheduler whose time passes when it is told to. */
export interface ManualScheduler extends Scheduler {
  /** Moves time on and runs what has become due, in order. */
  readonly advance: (ms: number) => void;
  /** How many delays are running. */
  readonly pending: () => number;
}

export function manualScheduler(): ManualScheduler {
  let nowMs = 0;
  const timers = new Map<symbol, { readonly dueMs: number; readonly run: () => void }>();
  return {
    now: () => nowMs,
    after: (delayMs, run) => {
      const id = Symbol("timer");
      timers.set(id, { dueMs: nowMs + delayMs, run });
      return () => {
        timers.delete(id);
      };
    },
    advance: (ms) => {
      nowMs += ms;
      const due = [...timers].filter(([, { dueMs }]) => dueMs <= nowMs);
      for (const [id, { run }] of due.toSorted(([, a], [, b]) => a.dueMs - b.dueMs)) {
        timers.delete(id);
        run();
      }
    },
    pending: () => timers.size,
  };
}
