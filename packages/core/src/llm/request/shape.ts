import { type Fields, fieldsOf, isFields, isTokenList, textOf } from "./fields.ts";
import type { Route } from "./route.ts";

const hasAny = (body: Fields, ...names: readonly string[]): boolean =>
  names.some((name) => body[name] !== undefined && body[name] !== null);

const firstOf = (list: unknown): unknown => (Array.isArray(list) ? list[0] : undefined);

const isEmbeddingName = (model: string): boolean => /embed|\bada-002|\bbge\b|\be5\b/.test(model);

const responsesOnly = [
  "instructions",
  "max_output_tokens",
  "previous_response_id",
  "conversation",
  "reasoning",
  "tools",
  "tool_choice",
  "text",
  "store",
  "background",
  "stream",
  "include",
  "truncation",
] as const;

// A text as `input` is a question as well as something to embed; believed to be a question when in
// doubt, because that reserves an answer.
function isEmbedding(body: Fields, model: string): boolean {
  const { input } = body;
  const plain = typeof input === "string" || typeof firstOf(input) === "string";
  const tokens = isTokenList(input) || isTokenList(firstOf(input));
  if (tokens) return true;
  if (!plain || hasAny(body, ...responsesOnly)) return false;
  return isEmbeddingName(model) || Array.isArray(input);
}

const isConverse = (body: Fields): boolean =>
  hasAny(body, "inferenceConfig", "toolConfig", "additionalModelRequestFields", "modelId");

const isOllama = (body: Fields): boolean =>
  hasAny(body, "options", "keep_alive", "think") ||
  typeof body.format === "string" ||
  isFields(body.format);

// Signs of one format count only while none of the other is there: a body that is both is read as
// the one with more caps and choices.
const isAnthropic = (body: Fields, model: string): boolean =>
  !hasAny(body, "max_completion_tokens", "n", "stream_options", "response_format", "functions") &&
  (hasAny(body, "system", "stop_sequences", "thinking", "top_k") ||
    hasAny(fieldsOf(firstOf(body.tools)), "input_schema") ||
    model.startsWith("claude"));

function conversationShape(body: Fields, model: string): Route {
  if (isConverse(body)) return { provider: "bedrock", api: "converse" };
  if (hasAny(body, "anthropic_version")) return { provider: "bedrock", api: "invoke" };
  if (isOllama(body)) return { provider: "ollama", api: "ollamaChat" };
  return isAnthropic(body, model)
    ? { provider: "anthropic", api: "messages" }
    : { provider: "openai", api: "chat" };
}

function promptShape(body: Fields, model: string): Route {
  if (isFields(body.prompt)) return { provider: "openai", api: "responses" };
  if (isOllama(body) || hasAny(body, "context", "template", "system", "raw"))
    return { provider: "ollama", api: "ollamaGenerate" };
  const draws = hasAny(body, "size", "quality", "partial_images") || /image|dall-e/.test(model);
  return { provider: "openai", api: draws ? "images" : "completions" };
}

/** The API of a body, by its fields. A guess: bodies overlap, and the route knows better. */
export function shapeOf(body: Fields): Route {
  const model = textOf(body.model)?.toLowerCase() ?? "";
  if (Array.isArray(body.contents)) return { provider: "gemini", api: "generateContent" };
  if (Array.isArray(body.messages)) return conversationShape(body, model);
  if (hasAny(body, "input"))
    return { provider: "openai", api: isEmbedding(body, model) ? "embeddings" : "responses" };
  if (hasAny(body, "prompt")) return promptShape(body, model);
  if (hasAny(body, "previous_response_id", "conversation"))
    return { provider: "openai", api: "responses" };
  return { provider: "unknown", api: "unknown" };
}
