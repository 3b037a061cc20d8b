import type { Scheduler } from "../clock.ts";

/** Delays of calls that have been admitted, which end early when there is no more use in them. */
export class Pauses {
  readonly #ends = new Set<() => void>();

  /** Resolves after the delay, when the signal is aborted, or when all pauses end. */
  async pass(
    delayMs: number,
    scheduler: Scheduler,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    if (delayMs === 0 || signal?.aborted === true) return;
    await new Promise<void>((resolve) => {
      const end = (): void => {
        cancel();
        signal?.removeEventListener("abort", end);
        this.#ends.delete(end);
        resolve();
      };
      const cancel = scheduler.after(delayMs, end);
      signal?.addEventListener("abort", end, { once: true });
      this.#ends.add(end);
    });
  }

  endAll(): void {
    for (const end of this.#ends) end();
  }
}
