import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";

import { createLimiter } from "../limiter/create-limiter.ts";
import { memoryStore } from "../memory-store.ts";
import { holds } from "../property.test-support.ts";
import { manualClock } from "../testing/manual-clock.ts";
import { delayFor } from "./slow-down.ts";

const usagesAt = (...counts: readonly number[]) =>
  counts.flatMap((count) => {
    const limiter = createLimiter({ limits: [{ type: "count", window: "minute", limit: 100 }] });
    return limiter.record("alice", { count });
  });

const slowDown = { above: 50, maxDelayMs: 1000 };

describe("slowing down", () => {
  test.each([
    [0, 0],
    [50, 0],
    [51, 20],
    [75, 500],
    [99, 980],
    [100, 1000],
    [250, 1000],
  ])("at %d percent of a limit delays by %d ms", (percent, delayMs) => {
    expect(delayFor(usagesAt(percent), slowDown)).toBe(delayMs);
  });

  test("goes by the limit that is closest to full, and by no shadow limit", () => {
    const [low, high] = usagesAt(10, 75);
    expect(
      delayFor(
        [low, high].flatMap((usage) => usage ?? []),
        slowDown,
      ),
    ).toBe(500);
    const shadows = usagesAt(100).map((usage) => ({ ...usage, shadow: true }));
    expect(delayFor(shadows, slowDown)).toBe(0);
    expect(delayFor([], slowDown)).toBe(0);
  });

  test("never delays for longer than it may, nor for less the less is left", () => {
    const settings = fc.record({
      above: fc.integer({ min: 0, max: 99 }),
      maxDelayMs: fc.integer({ min: 1, max: 60_000 }),
    });
    const [template] = usagesAt(1);
    holds(
      fc.record({ settings, a: fc.nat({ max: 300 }), b: fc.nat({ max: 300 }) }),
      ({ settings: given, a, b }) => {
        if (template === undefined) return;
        const at = (percentage: number): number => delayFor([{ ...template, percentage }], given);
        const [less, more] = [Math.min(a, b), Math.max(a, b)];
        expect(at(less)).toBeLessThanOrEqual(at(more));
        expect(at(more)).toBeLessThanOrEqual(given.maxDelayMs);
      },
    );
  });

  test("holds an admitted call back, which charges it at once, and gives it up when it is abandoned", async () => {
    const clock = manualClock();
    const limiter = createLimiter({
      limits: [{ type: "count", window: "minute", limit: 2 }],
      store: memoryStore({ clock: clock.now }),
      waiting: { scheduler: clock.scheduler },
    });
    const left = new AbortController();
    const call = limiter.acquire(
      "alice",
      { count: 2 },
      { reserve: true, slowDown: { above: 0, maxDelayMs: 500 }, signal: left.signal },
    );
    const outcome = call.then(
      () => "admitted",
      () => "abandoned",
    );
    await new Promise(setImmediate);
    expect(limiter.usage("alice")[0]?.current).toBe(2);
    left.abort();
    expect(await outcome).toBe("abandoned");
    expect(limiter.usage("alice")[0]?.current).toBe(0);
  });
});
