import { describe, expect, test } from "@jest/globals";

import { parseLookup } from "./lookup-options.ts";
import { stage } from "./lookup-stage.test-support.ts";
import { tiers } from "./presets.ts";
import { suspendedPolicy } from "./tier-policy.ts";

const invalid = (path: string): unknown =>
  expect.objectContaining({ code: "INVALID_CONFIG", path });

describe("the options of a lookup", () => {
  test("have defaults", () => {
    expect(parseLookup(undefined)).toEqual({
      key: undefined,
      maxEntries: 10_000,
      ttlMs: 60_000,
      unknown: suspendedPolicy("unknown-subject"),
      onFailure: undefined,
      maxStaleMs: 3_600_000,
      timeoutMs: 1000,
    });
  });

  test.each([
    [7, "lookup"],
    [{ ttl: 5 }, "lookup.ttl"],
    [{ key: "tenant" }, "lookup.key"],
    [{ maxEntries: 0 }, "lookup.maxEntries"],
    [{ ttlMs: -1 }, "lookup.ttlMs"],
    [{ ttlMs: 86_400_001 }, "lookup.ttlMs"],
    [{ maxStaleMs: Number.POSITIVE_INFINITY }, "lookup.maxStaleMs"],
    [{ timeoutMs: 0 }, "lookup.timeoutMs"],
    [{ unknown: "throw" }, "lookup.unknown"],
    [{ unknown: null }, "lookup.unknown"],
    [{ onFailure: "stale" }, "lookup.onFailure"],
    [{ onFailure: { limits: [], tier: "pro" } }, "lookup.onFailure.tier"],
  ])("%j are refused at %s", (options, path) => {
    expect(() => parseLookup(options)).toThrow(invalid(path));
  });

  test.each(["unknown", "onFailure"])("%s holds limits that can be compiled", (option) => {
    const limits = [{ type: "count", window: "day", limit: 0 }] as const;
    expect(() => stage(() => tiers.pro, { [option]: limits })).toThrow(
      expect.objectContaining({
        path: `lookup.${option}`,
        message: expect.stringContaining("limits[0].limit: expected"),
      }),
    );
  });
});
