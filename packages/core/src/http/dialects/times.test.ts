import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";

import { holds } from "../../property.test-support.ts";
import { goDuration, instant } from "./times.ts";

const unitsMs = { h: 3_600_000, m: 60_000, s: 1000, ms: 1 } as const;

/** As Go's `time.ParseDuration` reads it. */
function parse(text: string): number {
  expect(text).toMatch(/^(?:\d+h)?(?:\d+m)?\d+(?:\.\d+)?s$|^\d+ms$/);
  const parts = [...text.matchAll(/([\d.]+)(ms|h|m|s)/g)];
  const sumMs = parts.reduce((sum, [, number, unit]) => {
    const ms = unit === "h" || unit === "m" || unit === "s" ? unitsMs[unit] : 1;
    return sum + Math.round(Number(number) * ms);
  }, 0);
  return sumMs;
}

describe("Go durations", () => {
  test.each([
    [0, "0s"],
    [-0, "0s"],
    [-5, "0s"],
    [0.2, "1ms"],
    [1, "1ms"],
    [12, "12ms"],
    [84, "84ms"],
    [999, "999ms"],
    [999.5, "1s"],
    [1000, "1s"],
    [1001, "1.001s"],
    [1200, "1.2s"],
    [59_560, "59.56s"],
    [60_000, "1m0s"],
    [90_000, "1m30s"],
    [179_560, "2m59.56s"],
    [360_000, "6m0s"],
    [3_600_000, "1h0m0s"],
    [3_600_001, "1h0m0.001s"],
    [86_400_000, "24h0m0s"],
    [2_592_000_000, "720h0m0s"],
  ])("%d ms are %s", (ms, text) => {
    expect(goDuration(ms)).toBe(text);
  });

  test("say what was meant, whatever the time", () => {
    holds(fc.integer({ min: 0, max: 4e12 }), (ms) => {
      expect(parse(goDuration(ms))).toBe(ms);
    });
  });
});

describe("instants", () => {
  test.each([
    [Date.UTC(2026, 0, 1), "2026-01-01T00:00:00Z"],
    // Not before the true end.
    [Date.UTC(2026, 0, 1) + 1, "2026-01-01T00:00:01Z"],
    [Number.MAX_SAFE_INTEGER, "9999-12-31T23:59:59Z"],
    [0, "1970-01-01T00:00:00Z"],
  ])("%d is %s", (ms, text) => {
    expect(instant(ms)).toBe(text);
  });
});
