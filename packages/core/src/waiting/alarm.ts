import type { Scheduler } from "../clock.ts";

/** One timer, for whatever comes first. */
export class Alarm {
  readonly #scheduler: Scheduler;
  readonly #ring: () => void;
  #setForMs = Number.POSITIVE_INFINITY;
  #cancel: (() => void) | undefined;

  constructor(scheduler: Scheduler, ring: () => void) {
    this.#scheduler = scheduler;
    this.#ring = ring;
  }

  /** Rings at `atMs` or earlier: one that is set for an earlier time stays. `Infinity` ends it. */
  set(atMs: number): void {
    if (atMs === Number.POSITIVE_INFINITY) this.#clear();
    const nowMs = this.#scheduler.now();
    const dueMs = Math.max(nowMs, atMs);
    if (dueMs >= this.#setForMs) return;
    this.#clear();
    this.#setForMs = dueMs;
    this.#cancel = this.#scheduler.after(dueMs - nowMs, () => {
      this.#setForMs = Number.POSITIVE_INFINITY;
      this.#cancel = undefined;
      this.#ring();
    });
  }

  #clear(): void {
    this.#cancel?.();
    this.#cancel = undefined;
    this.#setForMs = Number.POSITIVE_INFINITY;
  }
}
