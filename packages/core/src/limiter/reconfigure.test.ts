import { describe, expect, test } from "@jest/globals";

import { memoryStore } from "../memory-store.ts";
import type { LimitInput } from "../policy/limit-input.ts";
import { manualClock } from "../testing/manual-clock.ts";
import { createLimiter } from "./create-limiter.ts";

const calls = (limit: number): LimitInput => ({
  type: "count",
  window: "minute",
  limit,
  name: "calls",
});
const tokens = (limit: number): LimitInput => ({
  type: "token",
  window: "day",
  limit,
  name: "tokens",
});

function stage(limits: readonly LimitInput[]) {
  const clock = manualClock();
  const types: string[] = [];
  const limiter = createLimiter({
    limits,
    store: memoryStore({ clock: clock.now }),
    onEvent: ({ type }) => types.push(type),
  });
  return { clock, limiter, types };
}

describe("reconfiguring a limiter", () => {
  test("changes numbers at once, and keeps usage", () => {
    const { limiter, types } = stage([calls(2)]);
    limiter.checkAndRecord("alice", { count: 2 });
    expect(limiter.checkAndRecord("alice").allowed).toBe(false);
    limiter.reconfigure({ limits: [calls(5)] });
    expect(limiter.checkAndRecord("alice").usages[0]).toMatchObject({ current: 3, max: 5 });
    limiter.reconfigure({ limits: [calls(1)] });
    expect(limiter.usage("alice")[0]).toMatchObject({ current: 3, max: 1, debt: 2 });
    expect(types.filter((type) => type === "reconfigured")).toHaveLength(2);
  });

  test("adds and removes limits, and remembers what comes back while its window is open", () => {
    const { limiter } = stage([calls(10), tokens(100)]);
    limiter.checkAndRecord("alice", { count: 1, token: 60 });
    limiter.reconfigure({ limits: [calls(10)] });
    expect(limiter.limits.map(({ name }) => name)).toEqual(["calls"]);
    limiter.checkAndRecord("alice", { count: 1, token: 60 });
    limiter.reconfigure({ limits: [tokens(100), calls(10)] });
    expect(limiter.usage("alice").map(({ limit, current }) => [limit, current])).toEqual([
      ["tokens", 60],
      ["calls", 2],
    ]);
  });

  test("to something wrong is an error that changes nothing", () => {
    const { limiter, types } = stage([calls(2)]);
    for (const limits of [[], [{ ...calls(1), window: "fortnight" }], undefined]) {
      expect(() => {
        Reflect.apply(limiter.reconfigure, undefined, [{ limits }]);
      }).toThrow(/limits/);
    }
    expect(limiter.limits[0]?.max).toBe(2);
    expect(types).toEqual([]);
  });

  test("settles reservations from before in the limits they were taken in", () => {
    const { limiter } = stage([tokens(100)]);
    const { reservation } = limiter.reserve("alice", { token: 80 });
    limiter.reconfigure({ limits: [tokens(50), calls(5)] });
    limiter.settle(reservation?.id ?? "", { token: 30 });
    expect(limiter.usage("alice").map(({ current }) => current)).toEqual([30, 0]);
  });

  test("settles what a call cost in types that no limit meters any more, and frees its slot", () => {
    const slots: LimitInput = { type: "concurrency", limit: 1, name: "slots" };
    const images: LimitInput = { type: "image", window: "minute", limit: 9, name: "images" };
    const { limiter } = stage([slots, images]);
    const { reservation } = limiter.reserve("alice", { image: 2 });
    limiter.reconfigure({ limits: [slots] });
    expect(limiter.settle(reservation?.id ?? "", { image: 5 }).cost).toEqual({
      concurrency: 0,
      image: 5,
    });
    expect(limiter.usage("alice")[0]?.current).toBe(0);
    expect(() => limiter.settle("another", { imagse: 5 })).toThrow("cost.imagse");
  });

  test("reaches overrides, of which those of limits that are gone fall away", () => {
    const { limiter } = stage([calls(2), tokens(10)]);
    const wide = limiter.override({ limits: { calls: { limit: 20 }, tokens: { limit: 500 } } });
    limiter.reconfigure({ limits: [calls(3)] });
    expect(wide.limits.map(({ name, max }) => [name, max])).toEqual([["calls", 20]]);
    limiter.reconfigure({ limits: [tokens(9)] });
    expect(wide.limits.map(({ name, max }) => [name, max])).toEqual([["tokens", 500]]);
    expect(() => {
      wide.reconfigure({ limits: [calls(1)] });
    }).toThrow("reconfigure: expected the limiter itself, not one made by override");
  });
});
