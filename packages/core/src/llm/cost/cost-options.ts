import { configError } from "../../errors.ts";
import { isObject, parseWord, rejectUnknownKeys } from "../../parse.ts";
import {
  completeRates,
  dearest,
  modelKey,
  type PriceList,
  rateNames,
  type Rates,
  type TokenPrices,
  type TokenWeights,
} from "./rates.ts";

/**
 * How token usage becomes amounts, by the type of the limits that meter them: weights for all
 * models alike, or prices by model.
 *
 * A model takes the prices of the longest key that its name begins with, whatever the case; a model
 * that no key matches takes those of `"*"`. Without `"*"` it costs the dearest listed price of each
 * kind of token, so that an unknown name is never a discount.
 *
 * @example
 * { token: { cachedRead: 0.1 }, usd: { prices: { 'gpt-5': { input: 1.25, output: 10 } } } }
 */
export type CostOptions = Readonly<
  Record<string, TokenWeights | { readonly prices: Readonly<Record<string, TokenPrices>> }>
>;

const one: TokenPrices = { input: 1, output: 1 };

/** What can be metered without options, and what weights of these types that are left out mean. */
const builtIn: ReadonlyMap<string, TokenPrices> = new Map([
  ["token", one],
  ["inputToken", { input: 1, output: 0 }],
  ["outputToken", { input: 0, output: 1 }],
]);

const ANY_MODEL = "*";

const alike = (standard: Rates): PriceList => ({ byPrefix: [], standard });

const keyIn = (path: string, key: string): string =>
  /^[\w-]+$/.test(key) || key === ANY_MODEL ? `${path}.${key}` : `${path}[${JSON.stringify(key)}]`;

function parseRates(
  given: Record<string, unknown>,
  path: string,
  standard: Partial<TokenPrices>,
): Rates {
  rejectUnknownKeys(given, rateNames, path);
  const read = (kind: keyof Rates, missing: number | undefined): number => {
    const rate = given[kind] === undefined ? missing : given[kind];
    // The addition turns -0 into 0.
    if (typeof rate === "number" && Number.isFinite(rate) && rate >= 0) return rate + 0;
    throw configError(`${path}.${kind}`, "a finite number, not negative", given[kind]);
  };
  const { input, output } = completeRates({
    input: read("input", standard.input),
    output: read("output", standard.output),
  });
  return {
    input,
    cachedRead: read("cachedRead", input),
    cacheWrite: read("cacheWrite", input),
    output,
    reasoning: read("reasoning", output),
  };
}

function parsePrices(prices: unknown, path: string): PriceList {
  if (!isObject(prices) || Object.keys(prices).length === 0) {
    throw configError(path, "prices by model, of at least one", prices);
  }
  const byModel = new Map<string, Rates>();
  for (const [model, given] of Object.entries(prices)) {
    const at = keyIn(path, model);
    const key = modelKey(model);
    if (model === "") throw configError(at, 'the beginning of a model\'s name, or "*"', model);
    if (byModel.has(key)) throw configError(at, "each model once, whatever its case", model);
    if (!isObject(given)) throw configError(at, "prices in USD per million tokens", given);
    byModel.set(key, parseRates(given, at, {}));
  }
  const standard = byModel.get(ANY_MODEL) ?? dearest([...byModel.values()]);
  byModel.delete(ANY_MODEL);
  const byPrefix = [...byModel].toSorted(([a], [b]) => b.length - a.length);
  return { byPrefix, standard };
}

function parseType(given: unknown, type: string): PriceList {
  const path = keyIn("llm.cost", type);
  parseWord(type, path, "a limit's type as the key");
  if (type === "count" || type === "concurrency") {
    throw configError(path, "a type that tokens are charged to", type);
  }
  if (!isObject(given)) throw configError(path, "weights of tokens, or { prices }", given);
  if (!("prices" in given)) {
    return alike(parseRates(given, path, builtIn.get(type) ?? one));
  }
  rejectUnknownKeys(given, ["prices"], path);
  return parsePrices(given["prices"], `${path}.prices`);
}

/** Checks what was written and compiles it. @throws TollgateError `INVALID_CONFIG` */
export function parseCostOptions(options: unknown): ReadonlyMap<string, PriceList> {
  const lists = new Map<string, PriceList>();
  for (const [type, weights] of builtIn) lists.set(type, alike(completeRates(weights)));
  if (options === undefined) return lists;
  if (!isObject(options)) throw configError("llm.cost", "an object by limit type", options);
  for (const [type, given] of Object.entries(options)) lists.set(type, parseType(given, type));
  return lists;
}
