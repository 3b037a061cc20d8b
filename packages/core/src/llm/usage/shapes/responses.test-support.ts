import type { PartialUsage } from "../read-usage.ts";
import {
  type ResponseShape,
  utf8,
  json,
  type TypedEvent,
  typedSse,
  EVENTS,
  JSON_TYPE,
  shape,
  cutShort,
  failed,
} from "./framed.test-support.ts";

const gpt = { model: "gpt-example" };

const responseUsage = (input: number, output: number, reasoning: number): object => ({
  input_tokens: input,
  input_tokens_details: { cached_tokens: 0, cache_write_tokens: 0 },
  output_tokens: output,
  output_tokens_details: { reasoning_tokens: reasoning },
  total_tokens: input + output,
});

const responseRead = (input: number, output: number, reasoning: number): PartialUsage => ({
  input,
  cachedRead: 0,
  cacheWrite: 0,
  output,
  reasoning,
});

const blue = [
  {
    type: "response.created",
    sequence_number: 0,
    response: {
      id: "resp-c2",
      status: "in_progress",
      model: "gpt-example",
      usage: null,
      error: null,
    },
  },
  { type: "response.reasoning_summary_text.delta", sequence_number: 1, delta: "Sky?" },
  { type: "response.output_text.delta", sequence_number: 2, delta: "Blu", obfuscation: "x8Zk" },
  { type: "response.output_text.delta", sequence_number: 3, delta: "e.", obfuscation: "q" },
  { type: "response.audio.delta", sequence_number: 4, delta: "QUFBQUFBQUFBQUFB" },
  { type: "response.output_text.done", sequence_number: 5, text: "Blue." },
  {
    type: "response.output_item.done",
    sequence_number: 6,
    item: { type: "message", content: [{ type: "output_text", text: "Blue." }] },
  },
];

const blueEnds = (how: string, usage: object): TypedEvent => ({
  type: `response.${how}`,
  sequence_number: 7,
  response: { id: "resp-c2", status: how, model: "gpt-example", usage },
});

/** OpenAI Responses, embeddings and pictures. */
export const responses: readonly ResponseShape[] = [
  shape(
    "responses: completed",
    EVENTS,
    typedSse(...blue, blueEnds("completed", responseUsage(40, 64, 60))),
    { ...gpt, usage: responseRead(40, 64, 60), emitted: "Sky?Blue." },
  ),
  shape(
    "responses: incomplete",
    EVENTS,
    typedSse(...blue, blueEnds("incomplete", responseUsage(40, 64, 60))),
    { ...gpt, ...cutShort, usage: responseRead(40, 64, 60), emitted: "Sky?Blue." },
  ),
  shape(
    "responses: failed",
    EVENTS,
    typedSse(...blue, blueEnds("failed", responseUsage(40, 3, 0))),
    { ...gpt, ...failed, usage: responseRead(40, 3, 0), emitted: "Sky?Blue." },
  ),
  shape(
    "responses: an error event, and no usage",
    EVENTS,
    typedSse(...blue, {
      type: "error",
      code: "server_error",
      message: "Broken",
      param: null,
    }),
    { ...gpt, ...failed, emitted: "Sky?Blue." },
  ),
  shape(
    "responses: an event named error only by its frame",
    EVENTS,
    utf8(`data: ${json(blue[2])}\n\nevent: error\ndata: {"message":"Broken"}\n\n`),
    { ...failed, emitted: "Blu" },
  ),
  shape(
    "responses: whole",
    JSON_TYPE,
    utf8(
      json({
        id: "resp-c1",
        object: "response",
        status: "completed",
        error: null,
        model: "gpt-example",
        output: [
          { type: "reasoning", summary: [{ type: "summary_text", text: "Sky?" }] },
          { type: "message", role: "assistant", content: [{ type: "output_text", text: "Blue." }] },
          { type: "function_call", name: "ring", arguments: "{}" },
        ],
        usage: {
          input_tokens: 1830,
          input_tokens_details: { cached_tokens: 1536, cache_write_tokens: 0 },
          output_tokens: 210,
          output_tokens_details: { reasoning_tokens: 192 },
          total_tokens: 2040,
        },
      }),
    ),
    {
      ...gpt,
      usage: { input: 1830, cachedRead: 1536, cacheWrite: 0, output: 210, reasoning: 192 },
      emitted: "Sky?Blue.ring{}",
    },
  ),
  shape(
    "responses: in the background, not begun",
    JSON_TYPE,
    utf8(
      json({
        id: "resp-c3",
        object: "response",
        status: "queued",
        model: "gpt-example",
        output: [],
        usage: null,
      }),
    ),
    { ...gpt, ...cutShort },
  ),
  shape(
    "embeddings",
    JSON_TYPE,
    utf8(
      json({
        object: "list",
        model: "embed-example",
        data: [{ object: "embedding", index: 0, embedding: [0.013, -0.207] }],
        usage: { prompt_tokens: 58, total_tokens: 58 },
      }),
    ),
    { model: "embed-example", usage: { input: 58, output: 0 } },
  ),
  shape(
    "images: streamed",
    EVENTS,
    typedSse(
      { type: "image_generation.partial_image", b64_json: "A".repeat(300) },
      {
        type: "image_generation.completed",
        b64_json: "B".repeat(300),
        usage: {
          input_tokens: 74,
          input_tokens_details: { text_tokens: 24, image_tokens: 50 },
          output_tokens: 1056,
          total_tokens: 1130,
        },
      },
    ),
    { usage: { input: 74, output: 1056 } },
  ),
  shape(
    "images: whole",
    JSON_TYPE,
    utf8(
      json({
        created: 1_790_000_000,
        data: [{ b64_json: "AAAA" }],
        usage: { input_tokens: 74, output_tokens: 1056, total_tokens: 1130 },
      }),
    ),
    { usage: { input: 74, output: 1056 } },
  ),
];
