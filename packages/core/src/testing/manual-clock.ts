import { type Clock, MAX_DELAY_MS, type Scheduler } from "../clock.ts";

/** A clock that stands still until it is moved. */
export interface ManualClock {
  /** Epoch milliseconds. Give it to a store as its `clock`. */
  readonly now: Clock;
  /** Makes it show `ms`, earlier or later. */
  readonly set: (ms: number) => void;
  /** Moves it on by `ms`, or back when that is negative. */
  readonly advance: (ms: number) => void;
  /**
   * Delays that pass as the clock is moved on, each run at the time it is due. Its own time starts
   * at 0 and stands still while the clock is moved back.
   */
  readonly scheduler: Scheduler;
}

interface Delay {
  readonly dueMs: number;
  readonly run: () => void;
}

/** @param startMs what it shows at first. @default 2026-01-01T00:00:00Z */
export function manualClock(startMs: number = Date.UTC(2026, 0, 1)): ManualClock {
  let nowMs = startMs;
  let passedMs = 0;
  // In order of due time, then of scheduling.
  const delays: Delay[] = [];

  const pass = (untilMs: number): void => {
    if (untilMs <= passedMs) return;
    nowMs += untilMs - passedMs;
    passedMs = untilMs;
  };

  const advance = (ms: number): void => {
    if (ms < 0) nowMs += ms;
    const endMs = passedMs + Math.max(0, ms);
    for (let [delay] = delays; delay !== undefined && delay.dueMs <= endMs; [delay] = delays) {
      delays.shift();
      pass(delay.dueMs);
      delay.run();
    }
    pass(endMs);
  };

  const after: Scheduler["after"] = (delayMs, run) => {
    const delay = { dueMs: passedMs + Math.min(Math.max(0, delayMs), MAX_DELAY_MS), run };
    delays.splice(delays.findLastIndex(({ dueMs }) => dueMs <= delay.dueMs) + 1, 0, delay);
    return () => {
      const index = delays.indexOf(delay);
      if (index >= 0) delays.splice(index, 1);
    };
  };

  return {
    now: () => nowMs,
    set: (ms) => {
      advance(ms - nowMs);
    },
    advance,
    scheduler: { now: () => passedMs, after },
  };
}
