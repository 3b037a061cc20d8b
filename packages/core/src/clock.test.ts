import { afterEach, beforeEach, expect, jest, test } from "@jest/globals";

import { systemScheduler } from "./clock.ts";

beforeEach(() => {
  jest.useFakeTimers();
});
afterEach(() => {
  jest.useRealTimers();
});

test("a delay of the system runs once, never early and at most a day later, and can be cancelled", () => {
  const ran: string[] = [];
  const { now, after } = systemScheduler;
  const startMs = now();
  after(10.2, () => ran.push(`after ${String(now() - startMs)} ms`));
  after(20, () => ran.push("cancelled"))();
  after(2 ** 40, () => ran.push("a day"));
  jest.advanceTimersByTime(10);
  expect(ran).toStrictEqual([]);
  jest.advanceTimersByTime(86_399_989);
  expect(ran).toStrictEqual(["after 11 ms"]);
  jest.advanceTimersByTime(1);
  expect(ran).toStrictEqual(["after 11 ms", "a day"]);
  expect(jest.getTimerCount()).toBe(0);
});
