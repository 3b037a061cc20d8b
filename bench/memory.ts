import { createLimiter, type LimitInput, memoryStore } from "@tollgate/core";

import type { Bench } from "./harness.ts";
import { randomId } from "./ids.ts";

const limitsOf = (scope: string): readonly LimitInput[] =>
  (["minute", "hour", "day", "week"] as const).map((window) => ({
    type: "count",
    window,
    limit: 1_000,
    scope,
  }));

/** Bytes in use after everything unreachable has been collected. */
function bytesInUse(): number {
  if (globalThis.gc === undefined) throw new Error("run with --expose-gc");
  // The second collection takes what finalisers of the first let go.
  globalThis.gc();
  globalThis.gc();
  const { heapUsed, external, arrayBuffers } = process.memoryUsage();
  return heapUsed + external + arrayBuffers;
}

/** What a subject costs that has an id of its own in every scope. */
const bytesPerSubject =
  (scopes: readonly string[], subjects: number, target?: number) => (): void => {
    // First, since the store sets aside room for all keys when it meets the first.
    const before = bytesInUse();
    const store = memoryStore({ maxKeys: subjects * scopes.length });
    const limiter = createLimiter({ limits: scopes.flatMap(limitsOf), store });
    for (let n = 0; n < subjects; n += 1) {
      limiter.checkAndRecord(Object.fromEntries(scopes.map((scope) => [scope, randomId()])));
    }
    const bytes = (bytesInUse() - before) / subjects;
    const { keys } = store.stats();
    const aim = target === undefined ? "" : `, target ≤ ${String(target)}`;
    console.log(
      `4 limits in each of ${String(scopes.length)} scopes: ${bytes.toFixed(0)} bytes per subject${aim}`,
    );
    console.log(`    ${(bytes / scopes.length).toFixed(0)} bytes per id, ${String(keys)} ids`);
  };

export const memory: Bench = {
  "one-scope": bytesPerSubject(["user"], 1_000_000, 400),
  "three-scopes": bytesPerSubject(["user", "session", "device"], 300_000),
};
