import { describe, expect, test } from "@jest/globals";

import { parseConfig } from "./index.ts";

const daily = "{ type: token, window: day, limit: 5 }";
const hourly = "{ type: token, window: hour, limit: 5 }";

const withSlots = (slots: number): string => `limits: [{ type: concurrency, limit: 5 }]
tiers: { pro: { overrides: { limits: { concurrency-caller: { limit: ${String(slots)} } } } } }`;

describe("a tier with overrides", () => {
  test("means its own limits where it has some, else those of the file", () => {
    const changes = "overrides: { limits: { token-per-hour-caller: { limit: 9 } } }";
    const own = `limits: [${daily}]\ntiers: { pro: { limits: [${hourly}], ${changes} } }`;
    expect(parseConfig(own).tiers).toEqual({
      pro: {
        limits: [{ type: "token", window: "hour", limit: 5 }],
        overrides: { limits: { "token-per-hour-caller": { limit: 9 } } },
      },
    });
    expect(() => parseConfig(`limits: [${daily}]\ntiers: { pro: { ${changes} } }`)).toThrow(
      "token-per-hour-caller: unknown limit, expected one of token-per-day-caller",
    );
  });

  test("cannot add a limit of a name that is taken", () => {
    const added = "{ name: token-per-day-caller, type: count, window: day, limit: 5 }";
    const text = `limits: [${daily}]\ntiers: { pro: { overrides: { add: [${added}] } } }`;
    expect(() => parseConfig(text)).toThrow(
      "tiers.pro.overrides.add[0].name: expected a name of its own, unlike limits[0] on line 1",
    );
  });

  test("cannot give a bucket a rate that its size does not fit", () => {
    const bucket = "{ name: b, type: count, rate: 1, capacity: 1000 }";
    const tier = (change: string): string =>
      `limits: [${bucket}]\ntiers: { pro: { overrides: { limits: { b: { ${change} } } } } }`;
    expect(parseConfig(tier("rate: 2, capacity: 9")).tiers).toEqual({
      pro: { overrides: { limits: { b: { rate: 2, capacity: 9 } } } },
    });
    expect(() => parseConfig(tier("capacity: 999999999999999, rate: 0.000001"))).toThrow(
      "tiers.pro.overrides.limits.b.capacity: expected at most 9007199 at this rate",
    );
  });

  test("lets concurrency change its slots, within their bound", () => {
    expect(parseConfig(withSlots(10_000)).tiers).toBeDefined();
    expect(() => parseConfig(withSlots(10_001))).toThrow(
      "expected slots: an integer from 1 to 10000",
    );
  });
});

test("the same mistake is told once, however many tiers share the limits", () => {
  const text = `limits: [${daily}, ${daily}]\ntiers:\n  a: { overrides: { add: [] } }\n  b: { overrides: { add: [] } }`;
  expect(() => parseConfig(text)).toThrow(
    /^config:1:50 limits\[1\]: would share its usage with limits\[0\] on line 1; give one of them a name$/,
  );
});

test("limits that differ in their tenant alone do not share their usage", () => {
  const text = `scope: user\nlimits:\n  - ${daily}\n  - { type: token, window: day, limit: 9, within: null, NAME }\n`;
  expect(() => parseConfig(text.replace("NAME", "scope: user"))).toThrow(
    "limits[1]: expected a name of its own, unlike limits[0] on line 3",
  );
});
