/**
 * What the kinds of token count for. Parts that are left out cost what the whole costs: `cachedRead`
 * and `cacheWrite` as `input`, `reasoning` as `output`.
 */
export interface TokenWeights {
  /** Read by the model and neither taken from nor written to a cache. @default 1; 0 for `outputToken` */
  readonly input?: number;
  /** Read from the provider's prompt cache. @default `input` */
  readonly cachedRead?: number;
  /** Written to the provider's prompt cache. @default `input` */
  readonly cacheWrite?: number;
  /** Written by the model, reasoning excepted. @default 1; 0 for `inputToken` */
  readonly output?: number;
  /** Reasoning. @default `output` */
  readonly reasoning?: number;
}

/** Prices in USD per million tokens, which are micro-USD per token. */
export interface TokenPrices extends TokenWeights {
  readonly input: number;
  readonly output: number;
}

/** Units per token, for every kind of token: finite and not negative. */
export type Rates = Readonly<Required<TokenWeights>>;

/** The rates of one type, by model; keys are lower-case prefixes. */
export interface PriceList {
  /** The longest prefix first. */
  readonly byPrefix: readonly (readonly [prefix: string, rates: Rates])[];
  /** For models that match none. */
  readonly standard: Rates;
}

export const rateNames = ["input", "cachedRead", "cacheWrite", "output", "reasoning"] as const;

/** Fills in what is left out. */
export function completeRates(given: TokenPrices): Rates {
  const { input, output, cachedRead = input, cacheWrite = input, reasoning = output } = given;
  return { input, cachedRead, cacheWrite, output, reasoning };
}

/** The largest of each kind. */
export function dearest(all: readonly Rates[]): Rates {
  const most = (kind: keyof Rates): number => Math.max(0, ...all.map((rates) => rates[kind]));
  return {
    input: most("input"),
    cachedRead: most("cachedRead"),
    cacheWrite: most("cacheWrite"),
    output: most("output"),
    reasoning: most("reasoning"),
  };
}

// A name beyond any real one is not worth reading to its end.
const MAX_MODEL_LENGTH = 256;

/** Model names are compared without regard to case: providers differ, prices do not. */
export const modelKey = (model: string): string => model.slice(0, MAX_MODEL_LENGTH).toLowerCase();

/** The rates of a model: those of the longest prefix of its name. */
export function ratesFor({ byPrefix, standard }: PriceList, model: string | undefined): Rates {
  if (model === undefined || byPrefix.length === 0) return standard;
  const key = modelKey(model);
  const match = byPrefix.find(([prefix]) => key.startsWith(prefix));
  return match?.[1] ?? standard;
}
