/**
 * What a call read and wrote, in tokens of the model that served it. Providers count differently;
 * here all are brought to one meaning, in non-negative integers.
 */
export interface TokenUsage {
  /** Everything the model read, cached tokens included. */
  readonly input: number;
  /** The part of `input` that came from the provider's prompt cache. */
  readonly cachedRead: number;
  /** The part of `input` that was written to the provider's prompt cache. */
  readonly cacheWrite: number;
  /** Everything the model wrote, reasoning included. */
  readonly output: number;
  /** The part of `output` that was reasoning. */
  readonly reasoning: number;
}

export const noTokens: TokenUsage = {
  input: 0,
  cachedRead: 0,
  cacheWrite: 0,
  output: 0,
  reasoning: 0,
};

/**
 * Where the numbers of a settlement come from: `measured` by the provider (or told by the handler),
 * `counted` from text that was really emitted, `estimated` as reserved, `none` when the call never
 * reached a model.
 */
export type UsageSource = "measured" | "counted" | "estimated" | "none";

/** Whose request or response format it is; `openai` covers all that speak its formats. */
export type Provider =
  | "openai"
  | "azure"
  | "anthropic"
  | "gemini"
  | "bedrock"
  | "ollama"
  | "unknown";

/** A request format. */
export type Api =
  | "chat"
  | "completions"
  | "responses"
  | "embeddings"
  | "images"
  | "messages"
  | "generateContent"
  | "converse"
  | "invoke"
  | "ollamaChat"
  | "ollamaGenerate"
  | "ollamaEmbed"
  | "unknown";
