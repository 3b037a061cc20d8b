import { describe, expect, test } from "@jest/globals";

import type { Limiter } from "../limiter.ts";
import { createLimiter } from "../limiter/create-limiter.ts";
import { memoryStore } from "../memory-store.ts";
import { manualClock } from "../testing/manual-clock.ts";
import type { LimitOverrides } from "./override.ts";

function limiter(): Limiter<"sync"> {
  return createLimiter({
    limits: [
      { type: "count", window: "minute", limit: 5 },
      { type: "count", rate: 1, capacity: 10, name: "burst" },
    ],
    store: memoryStore({ clock: manualClock().now, maxKeys: 10 }),
  });
}

const currents = (of: Limiter<"sync">): readonly number[] =>
  of.usage("alice").map(({ current }) => current);

describe("an override", () => {
  test("changes numbers on the same usage, in both directions", () => {
    const plain = limiter();
    const wide = plain.override({ limits: { "count-per-minute-caller": { limit: 8 } } });
    expect(wide.checkAndRecord("alice", { count: 7 }).allowed).toBe(true);
    expect(currents(plain)).toEqual([7, 7]);
    expect(plain.checkAndRecord("alice").refusedBy).toEqual(["count-per-minute-caller"]);
    expect(plain.usage("alice")[0]?.debt).toBe(2);
    expect(wide.checkAndRecord("alice").allowed).toBe(true);
  });

  test("skips a limit, which is then neither asked nor charged", () => {
    const plain = limiter();
    const free = plain.override({ limits: { "count-per-minute-caller": { skip: true } } });
    expect(free.limits.map(({ name }) => name)).toEqual(["burst"]);
    expect(free.checkAndRecord("alice", { count: 9 }).allowed).toBe(true);
    expect(currents(plain)).toEqual([0, 9]);
  });

  test("adds limits of its own", () => {
    const plain = limiter();
    const strict = plain.override({
      add: [{ type: "count", window: "hour", limit: 1, name: "uploads" }],
    });
    expect(strict.checkAndRecord("alice").allowed).toBe(true);
    expect(strict.checkAndRecord("alice").refusedBy).toEqual(["uploads"]);
    expect(plain.checkAndRecord("alice").allowed).toBe(true);
  });

  test("can be overridden again, and ends with its limiter", () => {
    const plain = limiter();
    const narrow = plain
      .override({ limits: { burst: { capacity: 3 } } })
      .override({ limits: { burst: { rate: 2 } } });
    expect(narrow.limits.map(({ max }) => max)).toEqual([5, 3]);
    plain.close();
    expect(() => narrow.check("alice")).toThrow(
      expect.objectContaining({ code: "LIMITER_CLOSED" }),
    );
  });

  test.each<[string, LimitOverrides]>([
    ["override.limits.nobody", { limits: { nobody: { limit: 1 } } }],
    ["override.limits.burst.limit", { limits: { burst: { limit: 1 } } }],
    ["override.limits.burst", { limits: { burst: {} } }],
    ["override.limits.burst.capacity", { limits: { burst: { capacity: 0 } } }],
    ["override.add[0].name", { add: [{ type: "count", window: "hour", limit: 1 }] }],
  ])("that names %s wrongly is refused", (path, overrides) => {
    expect(() => limiter().override(overrides)).toThrow(
      expect.objectContaining({ code: "INVALID_CONFIG", path }),
    );
  });
});
