import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";

import { holds } from "../../property.test-support.ts";
import type { TokenUsage } from "../tokens.ts";
import { type CostOptions, CostTable } from "./cost-table.ts";

const usage = (parts: Partial<TokenUsage>): TokenUsage => ({
  input: 0,
  cachedRead: 0,
  cacheWrite: 0,
  output: 0,
  reasoning: 0,
  ...parts,
});

const rich = usage({ input: 1000, cachedRead: 800, cacheWrite: 100, output: 350, reasoning: 300 });

/** The amount of type `x` at the given weights or prices. */
const amountOf = (option: CostOptions[string], used: TokenUsage, model?: string): unknown =>
  new CostTable({ x: option }).costOf(used, model, ["x"])["x"];

describe("without options", () => {
  test("charges input and output, cached and reasoning tokens like the rest", () => {
    const types = ["count", "token", "inputToken", "outputToken", "usd"];
    expect(new CostTable(undefined).costOf(rich, "gpt-x", types)).toEqual({
      token: 1350,
      inputToken: 1000,
      outputToken: 350,
    });
  });

  test("is exact as far as integers are", () => {
    const most = usage({ input: Number.MAX_SAFE_INTEGER - 1, output: 1 });
    const { token } = new CostTable(undefined).costOf(most, undefined, ["token"]);
    expect(token).toBe(Number.MAX_SAFE_INTEGER);
  });
});

describe("weights", () => {
  test("count each kind of token at its own", () => {
    const weights = { input: 1, cachedRead: 0.1, cacheWrite: 1.25, output: 4, reasoning: 5 };
    expect(amountOf(weights, rich)).toBe(100 + 80 + 125 + 200 + 1500);
  });

  test("left out, are those of the whole, and 1 for the whole", () => {
    expect(new CostTable({ x: {} }).rates("x", undefined)).toEqual({
      input: 1,
      cachedRead: 1,
      cacheWrite: 1,
      output: 1,
      reasoning: 1,
    });
    expect(new CostTable({ x: { input: 2, output: 3 } }).rates("x", undefined)).toEqual({
      input: 2,
      cachedRead: 2,
      cacheWrite: 2,
      output: 3,
      reasoning: 3,
    });
  });

  test("of a built-in type change only what they name", () => {
    const table = new CostTable({ inputToken: { cachedRead: 0 }, outputToken: { reasoning: 2 } });
    expect(table.costOf(rich, undefined, ["inputToken", "outputToken", "token"])).toEqual({
      inputToken: 200,
      outputToken: 650,
      token: 1350,
    });
  });

  test("of 0 make tokens free", () => {
    expect(amountOf({ input: 0, output: 0 }, rich)).toBe(0);
    expect(Object.is(amountOf({ input: -0, output: -0 }, rich), 0)).toBe(true);
  });
});

describe("prices", () => {
  const prices = {
    "gpt-x": { input: 2, cachedRead: 0.5, output: 8 },
    "gpt-x-mini": { input: 0.2, output: 0.8 },
    "Claude-Y": { input: 3, cacheWrite: 3.75, output: 15, reasoning: 1 },
  };

  test("are in USD per million tokens and come to micro-USD", () => {
    const million = usage({ input: 1_000_000, output: 1_000_000 });
    expect(amountOf({ prices }, million, "gpt-x")).toBe(10_000_000);
    expect(amountOf({ prices }, rich, "gpt-x")).toBe(100 * 2 + 800 * 0.5 + 100 * 2 + 350 * 8);
  });

  test.each([
    ["gpt-x", 2],
    ["gpt-x-2026-01-01", 2],
    ["gpt-x-mini-2026", 0.2],
    ["GPT-X-MINI", 0.2],
    ["claude-y", 3],
  ])("%s takes those of the longest key it begins with", (model, input) => {
    expect(new CostTable({ usd: { prices } }).rates("usd", model).input).toBe(input);
  });

  test.each([["llama-z"], ["x-gpt-x"], [""], [undefined]])(
    "a model without any (%s) costs the dearest of each kind",
    (model) => {
      expect(new CostTable({ usd: { prices } }).rates("usd", model)).toEqual({
        input: 3,
        cachedRead: 3,
        cacheWrite: 3.75,
        output: 15,
        reasoning: 8,
      });
    },
  );

  test('a model without any costs those of "*" where there are some', () => {
    const table = new CostTable({
      usd: { prices: { ...prices, "*": { input: 1, output: 1 } } },
    });
    for (const model of ["llama-z", undefined, "*"]) {
      expect(table.rates("usd", model).input).toBe(1);
      expect(table.outputRate("usd", model)).toBe(1);
    }
    expect(table.outputRate("usd", "gpt-x")).toBe(8);
  });
});

describe("rounding", () => {
  test.each([
    ["up", { input: 0.1, output: 0 }, usage({ input: 1 }), 1],
    ["once", { input: 0.1, output: 0.1 }, usage({ input: 1, output: 1 }), 1],
    ["not because 0.07 * 100 > 7", { input: 0.07, output: 0 }, usage({ input: 100 }), 7],
    [
      "not because 0.1 + 29 * 0.1 > 3",
      { input: 0.1, output: 0.1 },
      usage({ input: 1, output: 29 }),
      3,
    ],
  ])("is done %s", (_, weights, used, amount) => {
    expect(amountOf(weights, used)).toBe(amount);
  });

  // Exact arithmetic in thousandths of a unit.
  test("is what exact arithmetic rounds up to", () => {
    const milli = fc.nat({ max: 100_000 });
    // Often whole hundreds, so that the exact amount often is an integer.
    const count = fc.oneof(
      fc.nat({ max: 2_000_000 }),
      fc.nat({ max: 20_000 }).map((hundreds) => hundreds * 100),
    );
    holds(fc.record({ input: milli, output: milli, read: count, wrote: count }), (given) => {
      const { input, output, read, wrote } = given;
      const exact = BigInt(read) * BigInt(input) + BigInt(wrote) * BigInt(output);
      const weights = { input: input / 1000, output: output / 1000 };
      const amount = amountOf(weights, usage({ input: read, output: wrote }));
      expect(amount).toBe(Number((exact + 999n) / 1000n));
    });
  });
});

const anyRate = fc.oneof(
  fc.constantFrom(0, 1e-300, 0.1, 1, 1e300),
  fc.double({ min: 0, max: 1000, noNaN: true }),
);
const anyCount = fc.oneof(
  fc.nat({ max: 5000 }),
  fc.maxSafeInteger(),
  fc.constantFrom(Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, -0, 0.5),
);
const anyWeights = fc.record(
  { input: anyRate, cachedRead: anyRate, cacheWrite: anyRate, output: anyRate, reasoning: anyRate },
  { requiredKeys: [] },
);
const anyUsage = fc.record({
  input: anyCount,
  cachedRead: anyCount,
  cacheWrite: anyCount,
  output: anyCount,
  reasoning: anyCount,
});

test("D-LLM-09: no amount is negative or unusable, under any weights and inconsistent usage", () => {
  holds(fc.record({ weights: anyWeights, used: anyUsage }), ({ weights, used }) => {
    const amount = amountOf(weights, used);
    expect(Number.isSafeInteger(amount)).toBe(true);
    expect(amount).toBeGreaterThanOrEqual(0);
  });
});

test("D-LLM-09: cached and reasoning tokens are parts of input and output, and never more", () => {
  const inconsistent = usage({ input: 100, cachedRead: 900, cacheWrite: 60, reasoning: 7 });
  expect(amountOf({ input: 10, cachedRead: 1, cacheWrite: 2, reasoning: 5 }, inconsistent)).toBe(
    60 * 2 + 40 * 1,
  );
  holds(anyUsage, (used) => {
    const table = new CostTable(undefined);
    const parts = { cachedRead: 0, cacheWrite: 0, reasoning: 0 };
    expect(table.costOf(used, "m", table.types)).toEqual(
      table.costOf({ ...used, ...parts }, "m", table.types),
    );
  });
});

describe("the most output that fits", () => {
  const small = { input: fc.nat({ max: 100_000 }), room: fc.nat({ max: 2_000_000 }) };
  const rate = fc.oneof(
    fc.constantFrom(0.001, 0.1, 1 / 3, 0.6, 1, 1.1, 15),
    fc.double({ min: 0.001, max: 100, noNaN: true }),
  );

  test("fits, and one token more does not", () => {
    const cases = fc.record({ ...small, inputRate: rate, outputRate: rate });
    holds(cases, ({ input, room, inputRate, outputRate }) => {
      const table = new CostTable({ x: { input: inputRate, output: outputRate } });
      const costWith = (output: number): number =>
        table.costOf(usage({ input, output }), undefined, ["x"])["x"] ?? Number.NaN;
      const most = table.maxOutputWithin("x", undefined, room, input);
      // Where not even the input fits, 0 is the answer, and costs what the input costs.
      expect(costWith(most)).toBeLessThanOrEqual(Math.max(room, costWith(0)));
      expect(costWith(most + 1)).toBeGreaterThan(room);
    });
  });

  test("is the room less the input for plain tokens", () => {
    const table = new CostTable(undefined);
    expect(table.maxOutputWithin("token", undefined, 1000, 300)).toBe(700);
    expect(table.maxOutputWithin("token", undefined, 1000, 1000)).toBe(0);
    expect(table.maxOutputWithin("token", undefined, 1000, 1001)).toBe(0);
    expect(table.maxOutputWithin("token", undefined, -1, 0)).toBe(0);
    expect(table.maxOutputWithin("outputToken", undefined, 1000, 5000)).toBe(1000);
  });

  test("is without bound where output is free", () => {
    const table = new CostTable(undefined);
    expect(table.maxOutputWithin("inputToken", undefined, 300, 300)).toBe(Number.MAX_SAFE_INTEGER);
    expect(table.maxOutputWithin("inputToken", undefined, 299, 300)).toBe(0);
    expect(table.maxOutputWithin("count", undefined, 1, 300)).toBe(Number.MAX_SAFE_INTEGER);
  });
});

describe("types", () => {
  test("are the built-in ones and those of the options", () => {
    expect([...new CostTable({ usd: { prices: { m: { input: 1, output: 1 } } } }).types]).toEqual([
      "token",
      "inputToken",
      "outputToken",
      "usd",
    ]);
  });

  test("that are not metered cost nothing", () => {
    const table = new CostTable(undefined);
    expect(table.outputRate("usd", "gpt-x")).toBe(0);
    expect(table.costOf(rich, "gpt-x", ["usd", "count", "constructor", "__proto__"])).toEqual({});
  });
});
