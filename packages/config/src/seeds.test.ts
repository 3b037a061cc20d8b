import { describe, expect, test } from "@jest/globals";
import { createLimiter, type Decision, memoryStore, type SyncStore } from "@tollgate/core";

import { parseConfig } from "./index.ts";
import {
  conservativeDaily,
  highThroughput,
  multiLayer,
  tierPresets,
} from "./seeds.test-support.ts";

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

function stage(): { store: SyncStore; pass: (ms: number) => void } {
  let now = Date.UTC(2026, 0, 5);
  return {
    store: memoryStore({ clock: () => now }),
    pass: (ms) => {
      now += ms;
    },
  };
}

const subjects = {
  session: [
    { user: "u-1", session: "s-1" },
    { user: "u-1", session: "s-1" },
    { user: "u-1", session: "s-2" },
  ],
  user: [
    { user: "u-1", session: "s-1" },
    { user: "u-1", session: "s-2" },
    { user: "u-2", session: "s-1" },
  ],
} as const;

/** Each: the limits that the file is to become, and what runs into the last of them. */
const seeds = [
  {
    name: "conservative daily",
    text: conservativeDaily,
    max: [50_000, 1000],
    spend: { cost: { token: 50_000 }, times: 1, waitMs: 0, endsAfterMs: DAY },
  },
  {
    name: "multi-layer",
    text: multiLayer,
    max: [60, 10_000, 100_000, 500_000],
    spend: { cost: { token: 10_000 }, times: 10, waitMs: HOUR, endsAfterMs: DAY },
  },
  {
    name: "high throughput",
    text: highThroughput,
    max: [1000, 500_000],
    spend: { cost: { count: 1, token: 1 }, times: 1000, waitMs: 0, endsAfterMs: MINUTE },
  },
] as const;

describe.each(["session", "user"] as const)("with scope %s", (scope) => {
  const [first, sameId, otherId] = subjects[scope];

  test.each(seeds)("$name loads unchanged and behaves", ({ text, max, spend }) => {
    const { store, pass } = stage();
    const limiter = createLimiter({ ...parseConfig(text, { scope }), store });
    expect(limiter.limits.map((limit) => limit.max)).toEqual(max);
    expect(limiter.limits.map((limit) => limit.scope)).toEqual(max.map(() => scope));

    let passed = 0;
    for (let n = 0; n < spend.times; n += 1) {
      expect(limiter.checkAndRecord(n % 2 === 0 ? first : sameId, spend.cost).allowed).toBe(true);
      pass(spend.waitMs);
      passed += spend.waitMs;
    }
    const refused: Decision = limiter.checkAndRecord(sameId, spend.cost);
    expect(refused).toMatchObject({
      outcome: "refused",
      retryAfterMs: spend.endsAfterMs - passed,
    });
    // Whoever has another id of the scope has not spent anything.
    expect(limiter.usage(otherId).map(({ current }) => current)).toEqual(max.map(() => 0));
    expect(limiter.checkAndRecord(otherId, spend.cost).allowed).toBe(true);

    pass(spend.endsAfterMs - passed);
    expect(limiter.checkAndRecord(sameId, spend.cost).allowed).toBe(true);
  });
});

test("the count of the conservative file ends at a thousand calls", () => {
  const { store } = stage();
  const limiter = createLimiter({ ...parseConfig(conservativeDaily, { scope: "user" }), store });
  const outcomes = Array.from({ length: 1001 }, () => limiter.checkAndRecord({ user: "u" }));
  expect(outcomes.filter(({ allowed }) => allowed)).toHaveLength(1000);
  expect(outcomes.at(-1)?.refusedBy).toEqual(["count-per-day-user"]);
});

test("a file's own scope holds unless code names another", () => {
  const text = "scope: user\nbackend: memory\nlimits: [{ type: count, window: day, limit: 1 }]";
  expect(parseConfig(text)).toEqual({
    scope: "user",
    limits: [{ type: "count", window: "day", limit: 1 }],
  });
  expect(parseConfig(text, { scope: "session" }).scope).toBe("session");
});

test("a backend other than memory is passed on, and is no option of a limiter", () => {
  const config = parseConfig(`${conservativeDaily}  backend: sql\n  sql_database: hector_db\n`);
  const { storeHint, ...options } = config;
  expect(storeHint).toEqual({ backend: "sql", sqlDatabase: "hector_db" });
  expect(() => createLimiter(config)).toThrow("storeHint: expected only the options");
  expect(createLimiter(options).limits).toHaveLength(2);
});

describe("tier presets", () => {
  const { tiers = {}, ...options } = parseConfig(tierPresets);
  const { free, pro, standard } = tiers;

  test("load as limits and as overrides of the file's own", () => {
    expect(tiers).toEqual({
      free: {
        limits: [
          { type: "count", window: "minute", limit: 10 },
          { type: "token", window: "day", limit: 10_000 },
        ],
      },
      pro: {
        overrides: {
          limits: {
            "token-per-day-user": { limit: 1_000_000 },
            "count-per-minute-user": { skip: true },
          },
          add: [{ name: "monthly", type: "token", window: "month", limit: 20_000_000 }],
        },
      },
      standard: {},
    });
  });

  test.each(["user", "session"])("behave with scope %s, each subject by its own usage", (scope) => {
    const { store } = stage();
    const config = parseConfig(tierPresets.replaceAll(/\buser\b/g, scope));
    const { tiers: { free: { limits = [] } = {}, pro: { overrides = {} } = {} } = {}, ...rest } =
      config;
    const standardLimiter = createLimiter({ ...rest, store });
    const freeLimiter = createLimiter({ ...rest, name: "free", limits, store });
    const proLimiter = standardLimiter.override(overrides);
    const [a, b] = [{ [scope]: "a" }, { [scope]: "b" }];

    expect(freeLimiter.checkAndRecord(a, { token: 10_001 }).outcome).toBe("impossible");
    expect(freeLimiter.checkAndRecord(a, { token: 10_000 }).allowed).toBe(true);
    expect(freeLimiter.checkAndRecord(a, { token: 1 }).outcome).toBe("refused");
    expect(freeLimiter.checkAndRecord(b, { token: 10_000 }).allowed).toBe(true);
    expect(standardLimiter.checkAndRecord(a, { token: 100_001 }).outcome).toBe("impossible");
    expect(proLimiter.checkAndRecord(a, { token: 900_000 }).allowed).toBe(true);
    expect(proLimiter.checkAndRecord(a, { token: 100_001 }).refusedBy).toEqual([
      `token-per-day-${scope}`,
    ]);
    expect(proLimiter.checkAndRecord(b, { token: 1_000_000, count: 61 }).allowed).toBe(true);
  });

  test("are refused by a limiter that nobody told about them", () => {
    expect(() => createLimiter(parseConfig(tierPresets))).toThrow(
      "tiers: expected only the options",
    );
    expect(createLimiter(options).limits).toHaveLength(2);
    expect([free, pro, standard]).not.toContain(undefined);
  });
});
