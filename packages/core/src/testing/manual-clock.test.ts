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

test("delays run in order of due time, then of scheduling, each at the time it is due", () => {
  const { now, advance, set, scheduler } = manualClock(1000);
  const ran: string[] = [];
  const run = (name: string) => (): void => {
    ran.push(`${name} at ${String(now())}, ${String(scheduler.now())}`);
  };
  scheduler.after(20, run("late"));
  scheduler.after(10, run("first"));
  scheduler.after(10, run("second"));
  scheduler.after(15, () => {
    run("again")();
    scheduler.after(5, run("after late"));
  });
  scheduler.after(12, run("cancelled"))();
  advance(9);
  expect(ran).toStrictEqual([]);
  advance(91);
  expect(ran).toStrictEqual([
    "first at 1010, 10",
    "second at 1010, 10",
    "again at 1015, 15",
    "late at 1020, 20",
    "after late at 1020, 20",
  ]);
  expect([now(), scheduler.now()]).toStrictEqual([1100, 100]);
  scheduler.after(1, run("set"));
  set(1200);
  expect(ran.at(-1)).toBe("set at 1101, 101");
});

test("its scheduler stands still while the clock is moved back, and runs what is due at once", () => {
  const { now, advance, set, scheduler } = manualClock(1000);
  const ran: number[] = [];
  const cancel = scheduler.after(10, () => ran.push(now()));
  set(500);
  expect([now(), scheduler.now()]).toStrictEqual([500, 0]);
  advance(9);
  expect(ran).toStrictEqual([]);
  advance(1);
  expect(ran).toStrictEqual([510]);
  scheduler.after(-5, () => ran.push(now()));
  cancel();
  advance(0);
  expect(ran).toStrictEqual([510, 510]);
});

test("a delay of more than a day is cut to a day", () => {
  const { advance, scheduler } = manualClock();
  let ran = false;
  scheduler.after(Number.MAX_SAFE_INTEGER, () => {
    ran = true;
  });
  advance(86_399_999);
  expect(ran).toBe(false);
  advance(1);
  expect(ran).toBe(true);
});
