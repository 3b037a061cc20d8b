import { expect, test } from "@jest/globals";

import { windowMsOf } from "./window.ts";

test.each([
  ["minute", 60_000],
  ["hour", 3_600_000],
  ["day", 86_400_000],
  ["week", 604_800_000],
  ["month", 2_592_000_000],
  ["1ms", 1],
  ["10s", 10_000],
  ["5h", 18_000_000],
  ["2w", 1_209_600_000],
  ["3650d", 315_360_000_000],
])("window %s lasts %d ms", (window, ms) => {
  expect(windowMsOf(window)).toBe(ms);
});

test.each([
  "",
  "fortnight",
  "year",
  "Minute",
  "0s",
  "-1s",
  "1.5h",
  "1 h",
  "h",
  "10",
  "1e3s",
  "3651d",
  "9999999999999999ms",
  "toString",
  "1toString",
])("%j is no window", (window) => {
  expect(windowMsOf(window)).toBeUndefined();
});
