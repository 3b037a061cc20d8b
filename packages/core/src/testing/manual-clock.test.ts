import { expect, test } from "@jest/globals";

import { manualClock } from "./manual-clock.ts";

test("a manual clock stands still until it is moved, in either direction", () => {
  const { now, advance, set } = manualClock(1000);
  expect([now(), now()]).toEqual([1000, 1000]);
  advance(5);
  expect(now()).toBe(1005);
  advance(-10);
  expect(now()).toBe(995);
  set(7);
  expect(now()).toBe(7);
  expect(manualClock().now()).toBe(Date.UTC(2026, 0, 1));
});
