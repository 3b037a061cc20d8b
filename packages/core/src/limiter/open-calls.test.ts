import { afterEach, beforeEach, expect, jest, test } from "@jest/globals";

import { OpenCalls } from "./open-calls.ts";

beforeEach(() => {
  jest.useFakeTimers();
});
afterEach(() => {
  jest.useRealTimers();
});

const call = (reservationId: string, end: () => unknown = () => undefined) => ({
  reservationId,
  end: () => {
    end();
    return undefined;
  },
});

test("leases are renewed while calls run, by one timer that ends with the last of them", () => {
  const renew = jest.fn<(id: string) => undefined>();
  const calls = new OpenCalls(100, renew);
  const first = calls.add(call("a"));
  const second = calls.add(call("b"));
  expect(jest.getTimerCount()).toBe(1);
  jest.advanceTimersByTime(100);
  expect(renew.mock.calls).toStrictEqual([["a"], ["b"]]);
  first();
  jest.advanceTimersByTime(100);
  expect(renew.mock.calls.slice(2)).toStrictEqual([["b"]]);
  second();
  expect(jest.getTimerCount()).toBe(0);
  expect(calls.size).toBe(0);
});

test("a renewal that fails, at once or later, is tried again with the next", () => {
  const fails = [
    () => {
      throw new Error("down");
    },
    async () => Promise.reject(new Error("down")),
  ];
  const renew = jest.fn<(id: string) => undefined | Promise<unknown>>(() => fails.shift()?.());
  const calls = new OpenCalls(100, renew);
  calls.add(call("a"));
  jest.advanceTimersByTime(300);
  expect(renew).toHaveBeenCalledTimes(3);
});

test("ending all ends each once, also when one fails, and leaves no timer", async () => {
  const calls = new OpenCalls(100, () => undefined);
  const ended: string[] = [];
  calls.add(call("a", () => ended.push("a")));
  calls.add({
    reservationId: "b",
    end: () => {
      throw new Error("down");
    },
  });
  calls.add({ reservationId: "c", end: async () => Promise.reject(new Error("down")) });
  calls.add(call("d", () => ended.push("d")));
  await calls.endAll();
  await calls.endAll();
  expect(ended).toStrictEqual(["a", "d"]);
  calls.add(call("late", () => ended.push("late")))();
  expect(ended).toStrictEqual(["a", "d"]);
  expect(jest.getTimerCount()).toBe(0);
});
