import { isObject, type JsonObject, objectAt } from "./json-value.ts";
import type { PartialUsage } from "./read-usage.ts";

/**
 * What providers reported, in the parts they report. Kept apart until the end, because one part may
 * come early and another late, and the sum of both is only right when each is the newest.
 */
export interface Counters {
  input: number | undefined;
  cachedRead: number | undefined;
  cacheWrite: number | undefined;
  /** Whether `input` leaves cached tokens out (Anthropic, Bedrock). */
  exclusive: boolean;
  /** Read on top of `input` (Gemini's tool results). */
  toolUse: number | undefined;
  output: number | undefined;
  /** Written on top of `output` (Gemini). */
  thoughts: number | undefined;
  /** The part of `output` that was reasoning. */
  reasoning: number | undefined;
}

export const newCounters = (): Counters => ({
  input: undefined,
  cachedRead: undefined,
  cacheWrite: undefined,
  exclusive: false,
  toolUse: undefined,
  output: undefined,
  thoughts: undefined,
  reasoning: undefined,
});

// Chat completions and what copies them, AI SDK 4, Gemini, its Interactions API, AI SDK embeddings.
const inclusiveInput = [
  "prompt_tokens",
  "promptTokens",
  "promptTokenCount",
  "prompt_token_count",
  "total_input_tokens",
  "tokens",
];
// Responses, Anthropic, Bedrock, AI SDK 5 and later, Ollama: the names of the caches tell which.
const bareInput = ["input_tokens", "inputTokens", "inputTokenCount", "prompt_eval_count"];
const outputs = [
  "completion_tokens",
  "output_tokens",
  "completionTokens",
  "outputTokens",
  "candidatesTokenCount",
  "candidates_token_count",
  "outputTokenCount",
  "eval_count",
  "total_output_tokens",
];
const inputDetails = ["prompt_tokens_details", "input_tokens_details", "inputTokenDetails"];
const outputDetails = ["completion_tokens_details", "output_tokens_details", "outputTokenDetails"];
const detailRead = ["cached_tokens", "cacheReadTokens"];
const detailWrite = ["cache_write_tokens", "cacheWriteTokens"];
const detailReasoning = ["reasoning_tokens", "thinking_tokens", "reasoningTokens"];
const subsetRead = [
  "cachedContentTokenCount",
  "cached_content_token_count",
  "prompt_cache_hit_tokens",
  "cachedInputTokens",
  "total_cached_tokens",
];
const vendorRead = ["cache_read_input_tokens", "cacheReadInputTokens", "cacheReadInputTokenCount"];
const vendorWrite = [
  "cache_creation_input_tokens",
  "cacheWriteInputTokens",
  "cacheWriteInputTokenCount",
];
const toolUses = [
  "toolUsePromptTokenCount",
  "tool_use_prompt_token_count",
  "total_tool_use_tokens",
];
const thoughts = ["thoughtsTokenCount", "thoughts_token_count", "total_thought_tokens"];

/** A count that can be believed; null, NaN, negative and astronomic ones are as good as absent. */
const isCount = (value: unknown): value is number =>
  typeof value === "number" && value >= 0 && value <= Number.MAX_SAFE_INTEGER;

function countIn(from: JsonObject | undefined, names: readonly string[]): number | undefined {
  if (from === undefined) return undefined;
  for (const name of names) {
    const value = from[name];
    if (isCount(value)) return value;
  }
  return undefined;
}

function detailsIn(from: JsonObject, names: readonly string[]): JsonObject | undefined {
  for (const name of names) {
    const value = from[name];
    if (isObject(value)) return value;
  }
  return undefined;
}

/**
 * Takes over every count of a usage object, of whichever provider; the newest replaces older ones
 * and what is absent or null changes nothing.
 * @returns whether there was any
 */
export function collectUsage(usage: JsonObject, into: Counters): boolean {
  const inclusive = countIn(usage, inclusiveInput);
  const input = inclusive ?? countIn(usage, bareInput);
  const output = countIn(usage, outputs) ?? embeddingOutput(usage, inclusive);
  const thought = countIn(usage, thoughts);
  const vendorReads = countIn(usage, vendorRead);
  const vendorWrites = countIn(usage, vendorWrite);
  if ((input ?? output ?? thought ?? vendorReads ?? vendorWrites) === undefined) return false;
  // Gateways that speak OpenAI pass Anthropic's names along with a prompt that includes them.
  if (inclusive !== undefined) into.exclusive = false;
  else if ((vendorReads ?? vendorWrites) !== undefined) into.exclusive = true;
  const details = detailsIn(usage, inputDetails);
  into.input = input ?? into.input;
  into.cachedRead =
    countIn(details, detailRead) ?? countIn(usage, subsetRead) ?? vendorReads ?? into.cachedRead;
  into.cacheWrite = countIn(details, detailWrite) ?? vendorWrites ?? into.cacheWrite;
  into.toolUse = countIn(usage, toolUses) ?? into.toolUse;
  into.output = output ?? into.output;
  into.thoughts = thought ?? into.thoughts;
  into.reasoning =
    countIn(detailsIn(usage, outputDetails), detailReasoning) ??
    countIn(usage, ["reasoningTokens"]) ??
    into.reasoning;
  return true;
}

// Embeddings write nothing and say so only by a total that is all input, or by having one number.
function embeddingOutput(usage: JsonObject, input: number | undefined): number | undefined {
  if (input === undefined) return undefined;
  return usage["total_tokens"] === input || usage["tokens"] === input ? 0 : undefined;
}

/** Takes over the counts of a response body, or of one event of a stream, from the places they have. */
export function collectBody(body: JsonObject, into: Counters): boolean {
  let found = false;
  const take = (usage: JsonObject | undefined): void => {
    if (usage !== undefined && collectUsage(usage, into)) found = true;
  };
  const groq = objectAt(objectAt(body, "x_groq"), "usage");
  // Without streaming, Groq has quite another object of that name there.
  if (isCount(groq?.["prompt_tokens"])) take(groq);
  take(objectAt(objectAt(body, "message"), "usage"));
  take(objectAt(objectAt(body, "response"), "usage"));
  take(objectAt(body, "usage"));
  // AI SDK 5 has the last step under `usage`, and all steps here.
  take(objectAt(body, "totalUsage"));
  take(objectAt(body, "usageMetadata") ?? objectAt(body, "usage_metadata"));
  take(objectAt(body, "amazon-bedrock-invocationMetrics"));
  if (body["done"] === true || Array.isArray(body["embeddings"])) {
    found = collectOllama(body, into) || found;
  }
  return found;
}

// Ollama leaves counters out when they are zero; on its last line absent means 0.
function collectOllama(body: JsonObject, into: Counters): boolean {
  const { prompt_eval_count: read, eval_count: written } = body;
  const embedding = body["done"] !== true;
  if (embedding && !isCount(read)) return false;
  into.input = isCount(read) ? read : 0;
  into.output = isCount(written) ? written : 0;
  return true;
}

const whole = (count: number): number => Math.min(Math.round(count), Number.MAX_SAFE_INTEGER);

/** The counts in one meaning, whichever provider they are from. */
export function usageOf(counters: Counters): PartialUsage | undefined {
  const input = inputOf(counters);
  const output = outputOf(counters);
  const read = counters.cachedRead;
  const cachedRead = read === undefined ? undefined : whole(Math.min(read, input ?? read));
  const write = counters.cacheWrite;
  const room = input === undefined ? write : input - (cachedRead ?? 0);
  const cacheWrite = write === undefined ? undefined : whole(Math.min(write, room ?? write));
  const thought = counters.thoughts ?? counters.reasoning;
  const reasoning = thought === undefined ? undefined : whole(Math.min(thought, output ?? thought));
  const usage: PartialUsage = {
    ...(input === undefined ? {} : { input }),
    ...(cachedRead === undefined ? {} : { cachedRead }),
    ...(cacheWrite === undefined ? {} : { cacheWrite }),
    ...(output === undefined ? {} : { output }),
    ...(reasoning === undefined ? {} : { reasoning }),
  };
  return Object.keys(usage).length === 0 ? undefined : usage;
}

function inputOf({
  input,
  cachedRead,
  cacheWrite,
  exclusive,
  toolUse,
}: Counters): number | undefined {
  // Caches alone would pass for all of the input.
  if (input === undefined) return undefined;
  const cached = exclusive ? (cachedRead ?? 0) + (cacheWrite ?? 0) : 0;
  return whole(input + cached + (toolUse ?? 0));
}

function outputOf({ output, thoughts }: Counters): number | undefined {
  if (output === undefined && thoughts === undefined) return undefined;
  return whole((output ?? 0) + (thoughts ?? 0));
}
