import type { Cost } from "../../cost.ts";
import type { TokenUsage } from "../tokens.ts";
import { type CostOptions, parseCostOptions } from "./cost-options.ts";
import { type PriceList, type Rates, ratesFor } from "./rates.ts";

export type { CostOptions } from "./cost-options.ts";
export type { Rates, TokenPrices, TokenWeights } from "./rates.ts";

const MOST = Number.MAX_SAFE_INTEGER;

const free: Rates = { input: 0, cachedRead: 0, cacheWrite: 0, output: 0, reasoning: 0 };

// Usage comes from outside; what is no amount counts as none.
const tokens = (count: number): number => (count > 0 ? Math.min(Math.ceil(count), MOST) : 0);

// Five products and their sum are off by less than 7 × 2^-53 of the sum.
const ROUNDING_ERROR = 2 ** -50;

/**
 * Rounded up, once for a whole call. What is above an integer only by the error of the floating
 * point is that integer: 100 tokens at 0.07 are 7 and not, as 0.07 * 100 > 7 has it, 8.
 */
function wholeUnits(units: number): number {
  if (units >= MOST) return MOST;
  const nearest = Math.round(units);
  return Math.abs(units - nearest) <= units * ROUNDING_ERROR ? nearest : Math.ceil(units);
}

/**
 * What usage comes to at these rates. Cached and reasoning tokens are parts of input and output, so
 * no more of them is counted than there is of the whole: inconsistent usage never turns negative.
 */
function unitsOf(usage: TokenUsage, rates: Rates): number {
  const input = tokens(usage.input);
  const output = tokens(usage.output);
  const cacheWrite = Math.min(tokens(usage.cacheWrite), input);
  const cachedRead = Math.min(tokens(usage.cachedRead), input - cacheWrite);
  const reasoning = Math.min(tokens(usage.reasoning), output);
  return wholeUnits(
    (input - cacheWrite - cachedRead) * rates.input +
      cachedRead * rates.cachedRead +
      cacheWrite * rates.cacheWrite +
      (output - reasoning) * rates.output +
      reasoning * rates.reasoning,
  );
}

const plainUsage = (input: number, output: number): TokenUsage => ({
  input,
  cachedRead: 0,
  cacheWrite: 0,
  output,
  reasoning: 0,
});

/**
 * Turns token usage into amounts by limit type. `token` is input and output, `inputToken` input,
 * `outputToken` output, unless the options say otherwise; prices come to micro-USD.
 */
export class CostTable {
  /** The types that tokens are charged to. */
  readonly types: ReadonlySet<string>;
  readonly #lists: ReadonlyMap<string, PriceList>;

  /** @throws TollgateError `INVALID_CONFIG`, with a path such as `llm.cost.usd.prices.gpt-x.input` */
  constructor(options: CostOptions | undefined) {
    this.#lists = parseCostOptions(options);
    this.types = new Set(this.#lists.keys());
  }

  /** Units per token; all 0 for a type that tokens are not charged to. */
  rates(type: string, model: string | undefined): Rates {
    const list = this.#lists.get(type);
    return list === undefined ? free : ratesFor(list, model);
  }

  /** Units per output token that is not reasoning. */
  outputRate(type: string, model: string | undefined): number {
    return this.rates(type, model).output;
  }

  /**
   * The amounts of a call, in integers from 0 to 2^53 - 1, rounded up once. Of `types` those that
   * tokens are charged to; the others are left out.
   */
  costOf(usage: TokenUsage, model: string | undefined, types: Iterable<string>): Cost {
    const cost: Record<string, number> = {};
    for (const type of types) {
      if (this.types.has(type)) cost[type] = unitsOf(usage, this.rates(type, model));
    }
    return cost;
  }

  /**
   * The most output tokens that cost no more than `room` together with `input` tokens, none of them
   * cached or reasoning; 0 when the input alone costs more, 2^53 - 1 when output is free.
   */
  maxOutputWithin(type: string, model: string | undefined, room: number, input: number): number {
    const rates = this.rates(type, model);
    const fits = (output: number): boolean => unitsOf(plainUsage(input, output), rates) <= room;
    if (fits(MOST)) return MOST;
    // Bisection, because a division would round otherwise than the cost does.
    let fitting = 0;
    let tooMany = MOST;
    while (tooMany - fitting > 1) {
      const middle = fitting + Math.floor((tooMany - fitting) / 2);
      if (fits(middle)) fitting = middle;
      else tooMany = middle;
    }
    return fitting;
  }
}
