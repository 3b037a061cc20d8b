import type { Clock } from "../clock.ts";

/** A clock that stands still until it is moved. */
export interface ManualClock {
  /** Epoch milliseconds. Give it to a store as its `clock`. */
  readonly now: Clock;
  /** Makes it show `ms`, earlier or later. */
  readonly set: (ms: number) => void;
  /** Moves it on by `ms`, or back when that is negative. */
  readonly advance: (ms: number) => void;
}

/** @param startMs what it shows at first. @default 2026-01-01T00:00:00Z */
export function manualClock(startMs: number = Date.UTC(2026, 0, 1)): ManualClock {
  let nowMs = startMs;
  return {
    now: () => nowMs,
    set: (ms) => {
      nowMs = ms;
    },
    advance: (ms) => {
      nowMs += ms;
    },
  };
}
