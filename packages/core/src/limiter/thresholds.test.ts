import { describe, expect, test } from "@jest/globals";

import type { LimiterEvent } from "../events.ts";
import { memoryStore } from "../memory-store.ts";
import { manualClock } from "../testing/manual-clock.ts";
import { createLimiter } from "./create-limiter.ts";
import { Thresholds } from "./thresholds.ts";

describe("thresholds", () => {
  test("are told once on the way up, all that were passed, and again after a fall", () => {
    const thresholds = new Thresholds([50, 80, 100]);
    const look = (percentage: number) => thresholds.look("alice", { percentage });
    expect(look(49.9)).toEqual([]);
    expect(look(50)).toEqual([50]);
    expect(look(79)).toEqual([]);
    expect(look(120)).toEqual([80, 100]);
    expect(look(100)).toEqual([]);
    expect(look(60)).toEqual([]);
    expect(look(85)).toEqual([80]);
    expect(look(0)).toEqual([]);
    expect(look(50)).toEqual([50]);
  });

  test("of different keys have nothing to do with one another", () => {
    const thresholds = new Thresholds([50]);
    expect(thresholds.look("alice", { percentage: 50 })).toEqual([50]);
    expect(thresholds.look("bob", { percentage: 50 })).toEqual([50]);
  });
});

function stage() {
  const clock = manualClock();
  const told: unknown[] = [];
  const limiter = createLimiter({
    limits: [
      { type: "token", window: "minute", limit: 100, scope: "user", name: "tokens" },
      { type: "count", window: "minute", limit: 10, scope: "user", name: "calls" },
    ],
    store: memoryStore({ clock: clock.now }),
    thresholds: [100, 50],
    onEvent: (event: LimiterEvent) => {
      if (event.type !== "threshold") return;
      told.push([event.limit, event.threshold, event.usage.current]);
    },
  });
  return { clock, told, limiter };
}

describe("a limiter with thresholds", () => {
  test("tells which limit has come how far, of each customer for itself", () => {
    const { told, limiter } = stage();
    const alice = { tenant: "acme", user: "alice" };
    limiter.checkAndRecord(alice, { token: 40, count: 1 });
    limiter.checkAndRecord(alice, { token: 20, count: 1 });
    // Another user of the same name.
    limiter.checkAndRecord({ tenant: "other", user: "alice" }, { token: 60, count: 1 });
    limiter.record(alice, { token: 70 });
    expect(told).toEqual([
      ["tokens", 50, 60],
      ["tokens", 50, 60],
      ["tokens", 100, 130],
    ]);
  });

  test("tells once of what all tenants share, and anew where the number is another", () => {
    const told: unknown[] = [];
    const limiter = createLimiter({
      limits: [{ type: "count", window: "minute", limit: 10, scope: "global", name: "all" }],
      thresholds: [50],
      onEvent: (event) => event.type === "threshold" && told.push(event.usage.current),
    });
    limiter.record({ tenant: "a" }, { count: 5 });
    for (const tenant of ["b", "c"]) limiter.record({ tenant }, { count: 1 });
    const wide = limiter.override({ limits: { all: { limit: 14 } } });
    wide.record({ tenant: "a" }, { count: 1 });
    limiter.record({ tenant: "a" }, { count: 1 });
    expect(told).toEqual([5, 8]);
  });

  test("tells anew in a new window, and nothing of calls that were refused", () => {
    const { clock, told, limiter } = stage();
    limiter.checkAndRecord({ user: "alice" }, { token: 60 });
    limiter.checkAndRecord({ user: "alice" }, { token: 60 });
    clock.advance(60_000);
    limiter.checkAndRecord({ user: "alice" }, { token: 10 });
    limiter.checkAndRecord({ user: "alice" }, { token: 45 });
    expect(told).toEqual([
      ["tokens", 50, 60],
      ["tokens", 50, 55],
    ]);
  });
});
