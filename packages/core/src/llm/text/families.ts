import type { Encoding } from "./estimate-text.ts";

/** How a family of models cuts text into tokens, as far as it is known. */
export interface Family {
  /** The public tokenizer whose estimate comes nearest. */
  readonly encoding: Encoding;
  /** Tokens of this family per estimated token of `encoding`, for text. */
  readonly multiplier: number;
}

// Real model names are below 100 characters; one from a request may have any length.
const MAX_NAME_LENGTH = 200;

const o200k = (multiplier: number): Family => ({ encoding: "o200k", multiplier });
const cl100k: Family = { encoding: "cl100k", multiplier: 1 };

const UNKNOWN = o200k(1.1);

// OpenAI says which of its models use which tokenizer (openai/tiktoken, model.py). The others have
// no public tokenizer: their numbers are starting values, and calibration finds the true ones.
const openai = o200k(1);
const claude = o200k(1.15);
// Anthropic: "approximately 30 percent more tokens" than earlier Claude models.
const claudeSince47 = o200k(1.45);
const gemini = o200k(1.05);
const open = o200k(1.1);

/** Families by the beginning of a model's name; the longest beginning wins. */
const families: ReadonlyMap<string, Family> = new Map([
  ["gpt-", openai],
  ["gpt-3.5", cl100k],
  ["gpt-35", cl100k],
  ["gpt-4", cl100k],
  ["gpt-4o", openai],
  ["gpt-4.1", openai],
  ["gpt-4.5", openai],
  ["chatgpt-", openai],
  ["o1", openai],
  ["o3", openai],
  ["o4", openai],
  ["codex-", openai],
  ["ft:gpt-3.5", cl100k],
  ["ft:gpt-4", cl100k],
  ["ft:gpt-4o", openai],
  ["ft:gpt-4.1", openai],
  ["davinci-002", cl100k],
  ["babbage-002", cl100k],
  ["text-embedding-", cl100k],
  ["claude", claude],
  ["claude-opus-4-7", claudeSince47],
  ["claude-opus-4-8", claudeSince47],
  ["claude-opus-4-9", claudeSince47],
  ["claude-opus-4.7", claudeSince47],
  ["claude-opus-4.8", claudeSince47],
  ["claude-opus-4.9", claudeSince47],
  ["claude-opus-5", claudeSince47],
  ["claude-sonnet-5", claudeSince47],
  ["claude-fable-5", claudeSince47],
  ["gemini", gemini],
  ["gemma", gemini],
  ["llama", open],
  ["meta.llama", open],
  ["mistral", open],
  ["mixtral", open],
  ["qwen", open],
  ["deepseek", open],
]);

/** Who serves a model, or where: these come before its name and say nothing of its tokenizer. */
const carriers: readonly string[] = [
  "models/",
  "openai/",
  "azure/",
  "anthropic/",
  "anthropic.",
  "bedrock/",
  "vertex_ai/",
  "google/",
  "gemini/",
  "meta-llama/",
  "meta.",
  "mistral.",
  "mistralai/",
  "openrouter/",
  "publishers/anthropic/models/",
  "publishers/google/models/",
  "us.",
  "eu.",
  "apac.",
  "jp.",
  "au.",
  "us-gov.",
  "global.",
];

// More parts than these no provider puts before a name.
const MAX_CARRIERS = 4;

function bareName(model: string): string {
  let name = model.slice(0, MAX_NAME_LENGTH).trim().toLowerCase();
  for (let removed = 0; removed < MAX_CARRIERS; removed += 1) {
    const carrier = carriers.find((carrier) => name.startsWith(carrier));
    if (carrier === undefined) return name;
    name = name.slice(carrier.length);
  }
  return name;
}

/** The value of the longest key that `name` begins with. */
function byLongestPrefix<T>(table: ReadonlyMap<string, T>, name: string): T | undefined {
  let longest = -1;
  let found: T | undefined;
  for (const [prefix, value] of table) {
    if (prefix.length > longest && name.startsWith(prefix)) {
      longest = prefix.length;
      found = value;
    }
  }
  return found;
}

/**
 * The family of a model by its name, whoever serves it. `overrides` are multipliers by the beginning
 * of a name, in lower case, with or without what the provider puts before it; the longest that fits
 * replaces the multiplier.
 * A model that is not known counts 1.10 tokens per token of o200k.
 */
export function familyOf(
  model: string | undefined,
  overrides?: ReadonlyMap<string, number>,
): Family {
  if (model === undefined) return UNKNOWN;
  const name = bareName(model);
  const family = byLongestPrefix(families, name) ?? UNKNOWN;
  if (overrides === undefined) return family;
  const multiplier =
    byLongestPrefix(overrides, name) ??
    byLongestPrefix(overrides, model.slice(0, MAX_NAME_LENGTH).trim().toLowerCase());
  return multiplier === undefined ? family : { encoding: family.encoding, multiplier };
}
