import type { MaybePromise } from "@tollgate/core";
import { isPromise, next } from "@tollgate/core/shared";

/** What a background sweep needs. */
export interface Sweepable {
  readonly claimSweep: (forMs: number) => MaybePromise<boolean>;
  readonly sweep: (beforeMs: number) => MaybePromise<number>;
}

/**
 * Removes what has expired every so often. Of processes that share the tables, the first that asks does
 * it and the others leave it at that until the time has passed.
 * @returns what ends it
 */
export function startSweeping(engine: Sweepable, everyMs: number | undefined): () => void {
  if (everyMs === undefined) return () => undefined;
  const round = (): void => {
    try {
      // A little less, or the round of the one that swept last would come just too early.
      const swept = next(engine.claimSweep(Math.floor(everyMs * 0.9)), (isMine) =>
        isMine ? engine.sweep(Number.MAX_SAFE_INTEGER) : 0,
      );
      // The next round tries again; calls tell of a database that is down.
      if (isPromise(swept)) swept.catch(() => undefined);
    } catch {
      // As above.
    }
  };
  const timer = setInterval(round, everyMs).unref();
  return () => {
    clearInterval(timer);
  };
}
