/** Milliseconds since the Unix epoch, as an integer. Stores shared by processes bring their own. */
export type Clock = () => number;

/** The clock of this process: the only place that reads it. */
export const systemClock: Clock = () => Date.now();

/** The longest delay of a timer: above 2^31 ms Node would not wait at all. */
export const MAX_DELAY_MS: number = 24 * 60 * 60 * 1000;

/** Where delays come from; tests bring their own. */
export interface Scheduler {
  /** Milliseconds on a clock that never steps. */
  readonly now: () => number;
  /**
   * Calls `run` once, `delayMs` from now; returns what cancels it. At most a day: a longer delay is
   * cut to a day.
   */
  readonly after: (delayMs: number, run: () => void) => () => void;
}

/** The timers of this process. They keep it alive: a script that waits must not end. */
export const systemScheduler: Scheduler = {
  now: () => performance.now(),
  after: (delayMs, run) => {
    // Rounded up: a timer cuts fractions off, and would run too early.
    const timer = setTimeout(run, Math.min(Math.ceil(delayMs), MAX_DELAY_MS));
    return () => {
      clearTimeout(timer);
    };
  },
};
