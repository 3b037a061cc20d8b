import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";

import { holds } from "../property.test-support.ts";
import { waitOf } from "./wait.ts";

const DAY_SECONDS = 86_400;
const latest = 1 - Number.EPSILON;

const exact = (waitMs: number, random: number, capSeconds = DAY_SECONDS) =>
  waitOf(waitMs, capSeconds, true, () => random);

describe("retry-after-ms", () => {
  test.each([
    [84, 0, 84],
    [84, latest, 92],
    [6500, 0.5, 6825],
    [0.2, 0, 1],
    [9999, latest, 10_998],
    // At most a second.
    [30_000, latest, 30_999],
    // A minute would be no wait to some SDKs.
    [59_500, latest, 59_999],
    [59_999, 0.5, 59_999],
    [60_000, 0, 60_000],
    [60_000, latest, 60_999],
  ])("for %d ms, jitter %d, is %d", (waitMs, random, expected) => {
    expect(exact(waitMs, random).ms).toBe(expected);
  });

  test("is capped last", () => {
    expect(exact(9500, latest, 10)).toStrictEqual({ seconds: 10, ms: 10_000 });
    expect(exact(2_592_000_000, latest)).toStrictEqual({ seconds: 86_400, ms: 86_400_000 });
  });

  test("is never early, never more than a tenth late, and never leaves the minute", () => {
    const random = fc.double({ min: 0, max: latest, noNaN: true });
    const waits = fc.oneof(
      fc.integer({ min: 1, max: 100_000 }),
      fc.integer({ min: 1, max: 80_000_000 }),
    );
    holds(fc.tuple(waits, random), ([waitMs, value]) => {
      const { seconds, ms = 0 } = exact(waitMs, value);
      expect(Number.isInteger(ms)).toBe(true);
      expect(ms).toBeGreaterThanOrEqual(waitMs);
      expect(ms).toBeLessThanOrEqual(Math.min(waitMs * 1.1, waitMs + 1000));
      expect(ms < 60_000).toBe(waitMs < 60_000);
      expect(seconds).toBe(Math.ceil(waitMs / 1000));
    });
  });

  test("is never nothing, which SDKs take for at once", () => {
    expect(exact(0, 0)).toStrictEqual({ seconds: 1, ms: 1 });
  });

  test("is not sent where nobody reads it", () => {
    expect(waitOf(500, 60, false, () => 0)).toStrictEqual({ seconds: 1, ms: undefined });
  });
});
