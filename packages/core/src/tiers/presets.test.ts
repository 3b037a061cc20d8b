import { describe, expect, test } from "@jest/globals";

import { createLimiter } from "../limiter/create-limiter.ts";
import { memoryStore } from "../memory-store.ts";
import { parseLimits } from "../policy/limit.ts";
import { manualClock } from "../testing/manual-clock.ts";
import { tiers } from "./presets.ts";

test("three tiers are ready-made, and cannot be changed by whoever imports them", () => {
  expect(tiers).toEqual({
    developer: [
      { type: "token", window: "day", limit: 10_000 },
      { type: "count", window: "minute", limit: 10 },
    ],
    pro: [
      { type: "token", window: "day", limit: 100_000 },
      { type: "count", window: "minute", limit: 60 },
    ],
    enterprise: [
      { type: "token", window: "day", limit: 1_000_000 },
      { type: "count", window: "minute", limit: 1_000 },
    ],
  });
  const parts = [tiers, ...Object.values(tiers), ...Object.values(tiers).flat()];
  expect(parts.every((part) => Object.isFrozen(part))).toBe(true);
});

test("a subject keeps its usage when its tier changes: the limits differ in their numbers only", () => {
  const identities = Object.values(tiers).map((limits) =>
    parseLimits(limits, "limits", "tenant").map(({ identity }) => identity),
  );
  expect(identities).toEqual([identities[0], identities[0], identities[0]]);
});

describe.each(["session", "user"] as const)("by %s", (scope) => {
  test.each([
    ["developer", 10, 10_000],
    ["pro", 60, 100_000],
    ["enterprise", 1000, 1_000_000],
  ] as const)(
    "the tier %s admits %d calls a minute and %d tokens a day, to each apart",
    (tier, calls, tokens) => {
      const clock = manualClock();
      const store = memoryStore({ clock: clock.now });
      const limiter = createLimiter({ limits: tiers[tier], scope, store });
      const [one, other] = [{ [scope]: "one" }, { [scope]: "other" }];
      const share = Math.floor(tokens / calls / 2);
      const outcomes = Array.from({ length: calls + 1 }, () =>
        limiter.checkAndRecord(one, { count: 1, token: share }),
      );
      expect(outcomes.filter(({ allowed }) => allowed)).toHaveLength(calls);
      expect(outcomes.at(-1)?.retryAfterMs).toBe(60_000);
      expect(limiter.checkAndRecord(other, { count: 1, token: tokens }).allowed).toBe(true);
      clock.advance(60_000);
      // What is left of the day's tokens has nothing to do with the minute.
      expect(limiter.checkAndRecord(one, { count: 1, token: tokens - calls * share }).allowed).toBe(
        true,
      );
      expect(limiter.checkAndRecord(one, { count: 1, token: 1 }).refusedBy).toEqual([
        `token-per-day-${scope}`,
      ]);
    },
  );
});
