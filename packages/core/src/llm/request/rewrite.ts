import type { Api } from "../tokens.ts";
import { capOf, countOf, type Fields, fieldsOf, isFields } from "./fields.ts";
import { configsOf } from "./readers/gemini.ts";
import { streamsUsage } from "./readers/openai-chat.ts";
import { completionsOf, DEFAULT_MAX_TOKENS } from "./readers/openai-completions.ts";
import { type Route, routeOf } from "./route.ts";
import { shapeOf } from "./shape.ts";

/** What tells the API of a body that is to be changed. */
export interface RewriteOptions {
  /** Path of the request; without it the body's own fields tell, which can be misread. */
  readonly path?: string;
}

/** The fields of a body that have to be replaced. */
type Changes = (body: Fields, cap: number) => Fields;

const lowered = (current: unknown, cap: number): number => Math.min(capOf(current) ?? cap, cap);

const isSet = (value: unknown): boolean => value !== undefined && value !== null;

const shareOf = (cap: number, answers: number): number => Math.floor(cap / answers);

function chatChanges(body: Fields, cap: number): Fields {
  const share = shareOf(cap, countOf(body.n));
  const { max_completion_tokens: current, max_tokens: deprecated } = body;
  return {
    ...(isSet(current) || !isSet(deprecated)
      ? { max_completion_tokens: lowered(current, share) }
      : {}),
    ...(isSet(deprecated) ? { max_tokens: lowered(deprecated, share) } : {}),
  };
}

// Absent means 16 to the server: a higher cap must not make the answer longer.
const completionsChanges: Changes = (body, cap) => ({
  max_tokens: lowered(body.max_tokens ?? DEFAULT_MAX_TOKENS, shareOf(cap, completionsOf(body))),
});

/** A thinking budget is part of the cap and has to stay below it. */
function thinkingBelow(thinking: unknown, cap: number): Fields {
  const { budget_tokens: budget } = fieldsOf(thinking);
  if (!isFields(thinking) || typeof budget !== "number" || budget < cap) return {};
  return { thinking: { ...thinking, budget_tokens: Math.max(0, cap - 1) } };
}

function messagesChanges(body: Fields, most: number): Fields {
  const cap = lowered(body.max_tokens, most);
  return { max_tokens: cap, ...thinkingBelow(body.thinking, cap) };
}

function converseChanges(body: Fields, most: number): Fields {
  const inference = fieldsOf(body.inferenceConfig);
  const cap = lowered(inference.maxTokens, most);
  const extra = fieldsOf(body.additionalModelRequestFields);
  const changed = {
    ...(isSet(extra.max_tokens) ? { max_tokens: lowered(extra.max_tokens, most) } : {}),
    ...thinkingBelow(extra.thinking, cap),
  };
  return {
    inferenceConfig: { ...inference, maxTokens: cap },
    ...(Object.keys(changed).length === 0
      ? {}
      : { additionalModelRequestFields: { ...extra, ...changed } }),
  };
}

function invokeChanges(body: Fields, cap: number): Fields {
  if (isFields(body.inferenceConfig)) return converseChanges(body, cap);
  if (isFields(body.textGenerationConfig)) {
    const { maxTokenCount } = body.textGenerationConfig;
    const config = { ...body.textGenerationConfig, maxTokenCount: lowered(maxTokenCount, cap) };
    return { textGenerationConfig: config };
  }
  const others = ["max_gen_len", "max_tokens_to_sample"].filter((name) => isSet(body[name]));
  if (others.length === 0) return messagesChanges(body, cap);
  return Object.fromEntries(others.map((name) => [name, lowered(body[name], cap)]));
}

const isSnake = (body: Fields): boolean =>
  isSet(body.generation_config) || isSet(body.system_instruction);

function geminiConfig(config: Fields, cap: number, snake: boolean): Fields {
  const camelSet = isSet(config.maxOutputTokens);
  const snakeSet = isSet(config.max_output_tokens);
  const useSnake = snakeSet || (snake && !camelSet);
  return {
    ...config,
    ...(camelSet || !useSnake ? { maxOutputTokens: lowered(config.maxOutputTokens, cap) } : {}),
    ...(useSnake ? { max_output_tokens: lowered(config.max_output_tokens, cap) } : {}),
  };
}

function geminiChanges(body: Fields, cap: number): Fields {
  const configs = configsOf(body);
  const counts = configs.flatMap((one) => [
    countOf(one.candidateCount),
    countOf(one.candidate_count),
  ]);
  const share = shareOf(cap, Math.max(1, ...counts));
  const { generationConfig: camel, generation_config: snake } = body;
  const both = {
    ...(isFields(camel) ? { generationConfig: geminiConfig(camel, share, false) } : {}),
    ...(isFields(snake) ? { generation_config: geminiConfig(snake, share, true) } : {}),
  };
  if (configs.length > 0) return both;
  return isSnake(body)
    ? { generation_config: { max_output_tokens: share } }
    : { generationConfig: { maxOutputTokens: share } };
}

function ollamaChanges(body: Fields, cap: number): Fields {
  const options = fieldsOf(body.options);
  return { options: { ...options, num_predict: lowered(options.num_predict, cap) } };
}

const none: Changes = () => ({});

const changes: Readonly<Record<Api, Changes>> = {
  chat: chatChanges,
  completions: completionsChanges,
  responses: (body, cap) => ({ max_output_tokens: lowered(body.max_output_tokens, cap) }),
  messages: messagesChanges,
  generateContent: geminiChanges,
  converse: converseChanges,
  invoke: invokeChanges,
  ollamaChat: ollamaChanges,
  ollamaGenerate: ollamaChanges,
  // No text comes out, or nobody knows how to ask for less.
  embeddings: none,
  ollamaEmbed: none,
  images: none,
  unknown: none,
};

const routeFor = (body: Fields, { path = "" }: RewriteOptions): Route =>
  routeOf(path) ?? shapeOf(body);

/**
 * The body with its own format's output cap set to at most `maxOutputTokens`, which counts all
 * answers together: with `n` answers each gets its share. A lower cap stays, and a thinking budget
 * is lowered with the cap (Anthropic itself refuses one below 1024). The given body is not changed;
 * one of no known format, or with no text to come out, is returned as it is.
 */
export function withMaxOutputTokens<Body>(
  body: Body,
  maxOutputTokens: number,
  options: RewriteOptions = {},
): Body {
  const cap = capOf(maxOutputTokens);
  if (cap === undefined || !isFields(body)) return body;
  const route = routeFor(body, options);
  if (route.generates === false) return body;
  return { ...body, ...changes[route.api](body, Math.floor(Math.min(maxOutputTokens, cap))) };
}

/** Whether the client asked for usage in its stream. */
export const asksForUsage = (body: unknown): boolean =>
  fieldsOf(fieldsOf(body).stream_options).include_usage === true;

/**
 * A streaming body of OpenAI's chat or completions with `stream_options.include_usage` set, other
 * options kept; every other body, and one that asks already, is returned as it is. The stream then
 * has one more chunk, with empty `choices`, that a client which did not ask may not expect.
 */
export function withUsageRequested<Body>(body: Body, options: RewriteOptions = {}): Body {
  if (!isFields(body) || streamsUsage(body)) return body;
  const { api } = routeFor(body, options);
  if (api !== "chat" && api !== "completions") return body;
  return { ...body, stream_options: { ...fieldsOf(body.stream_options), include_usage: true } };
}
