import { expect, test } from "@jest/globals";

import { isTollgateError } from "../../errors.ts";
import { parseCostOptions } from "./cost-options.ts";

const good = { input: 1, output: 2 };
const usd = (prices: unknown): unknown => ({ usd: { prices } });

function failureOf(options: unknown): { code?: string; path?: string | undefined } {
  try {
    parseCostOptions(options);
  } catch (error) {
    if (isTollgateError(error)) return { code: error.code, path: error.path };
    throw error;
  }
  return {};
}

test.each<[unknown, string]>([
  [null, "llm.cost"],
  [[], "llm.cost"],
  ["usd", "llm.cost"],
  [{ usd: 3 }, "llm.cost.usd"],
  [{ usd: undefined }, "llm.cost.usd"],
  [{ "us d": good }, 'llm.cost["us d"]'],
  [{ constructor: good }, "llm.cost.constructor"],
  [{ count: good }, "llm.cost.count"],
  [{ concurrency: good }, "llm.cost.concurrency"],
  [{ token: { cached: 0.1 } }, "llm.cost.token.cached"],
  [{ token: { input: "1" } }, "llm.cost.token.input"],
  [{ token: { output: -1 } }, "llm.cost.token.output"],
  [{ token: { reasoning: Number.NaN } }, "llm.cost.token.reasoning"],
  [{ token: { cacheWrite: Number.POSITIVE_INFINITY } }, "llm.cost.token.cacheWrite"],
  [{ token: { cachedRead: null } }, "llm.cost.token.cachedRead"],
  [usd(undefined), "llm.cost.usd.prices"],
  [usd({}), "llm.cost.usd.prices"],
  [usd([good]), "llm.cost.usd.prices"],
  [usd({ "": good }), 'llm.cost.usd.prices[""]'],
  [usd({ "gpt-x": 3 }), "llm.cost.usd.prices.gpt-x"],
  [usd({ "gpt-x": { output: 2 } }), "llm.cost.usd.prices.gpt-x.input"],
  [usd({ "gpt-x": { input: 2 } }), "llm.cost.usd.prices.gpt-x.output"],
  [usd({ "gpt-4.1": { input: -2, output: 1 } }), 'llm.cost.usd.prices["gpt-4.1"].input'],
  [usd({ "*": { input: 1, output: 1, per: 1 } }), "llm.cost.usd.prices.*.per"],
  [usd({ "gpt-x": good, "GPT-X": good }), "llm.cost.usd.prices.GPT-X"],
  [{ usd: { prices: { m: good }, input: 1 } }, "llm.cost.usd.input"],
])("refuses %j and says where: %s", (options, path) => {
  expect(failureOf(options)).toEqual({ code: "INVALID_CONFIG", path });
});

test("takes weights and prices, in any order", () => {
  const options = {
    token: { cachedRead: 0.1 },
    usd: { prices: { "gpt-x": good, "*": good } },
    image: {},
  };
  expect([...parseCostOptions(options).keys()]).toEqual([
    "token",
    "inputToken",
    "outputToken",
    "usd",
    "image",
  ]);
  expect(failureOf(undefined)).toEqual({});
});
