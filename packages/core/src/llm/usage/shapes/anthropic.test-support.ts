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

const claude = { model: "claude-example" };

/** The first event of a message. */
export const anthropicStart: TypedEvent = {
  type: "message_start",
  message: {
    id: "msg-d2",
    type: "message",
    role: "assistant",
    model: "claude-example",
    content: [],
    usage: {
      input_tokens: 900,
      cache_creation_input_tokens: 128,
      cache_read_input_tokens: 2048,
      output_tokens: 1,
    },
  },
};

/** What comes between. */
export const anthropicText: readonly TypedEvent[] = [
  { type: "ping" },
  { type: "content_block_start", index: 0, content_block: { type: "thinking", thinking: "" } },
  { type: "content_block_delta", index: 0, delta: { type: "thinking_delta", thinking: "Hm" } },
  {
    type: "content_block_delta",
    index: 0,
    delta: { type: "signature_delta", signature: "EqQBCg" },
  },
  { type: "content_block_delta", index: 1, delta: { type: "text_delta", text: "Ja" } },
  { type: "content_block_delta", index: 1, delta: { type: "text_delta", text: ", gern" } },
  {
    type: "content_block_delta",
    index: 2,
    delta: { type: "input_json_delta", partial_json: '{"a":' },
  },
  {
    type: "content_block_delta",
    index: 2,
    delta: { type: "input_json_delta", partial_json: "1}" },
  },
  { type: "content_block_stop", index: 2 },
];

/** What it says. */
export const ANTHROPIC = 'HmJa, gern{"a":1}';

const noNews = {
  input_tokens: null,
  cache_read_input_tokens: null,
  cache_creation_input_tokens: null,
};

/** Running totals near the end. */
export const anthropicDelta = (output: number, stop: string | null): TypedEvent => ({
  type: "message_delta",
  delta: { stop_reason: stop },
  usage: { ...noNews, output_tokens: output },
});

/** The input side of the first event. */
export const anthropicRead: PartialUsage = { input: 3076, cachedRead: 2048, cacheWrite: 128 };

/** Anthropic messages. */
export const anthropic: readonly ResponseShape[] = [
  shape(
    "anthropic: cumulative, with nulls",
    EVENTS,
    typedSse(
      anthropicStart,
      ...anthropicText,
      anthropicDelta(30, null),
      anthropicDelta(47, "end_turn"),
      { type: "message_stop" },
    ),
    { ...claude, usage: { ...anthropicRead, output: 47 }, emitted: ANTHROPIC },
  ),
  shape(
    "anthropic: repeats part of the input side",
    EVENTS,
    typedSse(
      anthropicStart,
      {
        type: "message_delta",
        delta: { stop_reason: "end_turn" },
        usage: { input_tokens: 900, cache_read_input_tokens: null, output_tokens: 47 },
      },
      { type: "message_stop" },
    ),
    { ...claude, usage: { ...anthropicRead, output: 47 } },
  ),
  shape("anthropic: closed before the end", EVENTS, typedSse(anthropicStart, ...anthropicText), {
    ...claude,
    ...cutShort,
    usage: { ...anthropicRead, output: 1 },
    emitted: ANTHROPIC,
  }),
  shape(
    "anthropic: overloaded in the stream",
    EVENTS,
    typedSse(anthropicStart, ...anthropicText.slice(0, 5), {
      type: "error",
      error: { type: "overloaded_error", message: "Overloaded" },
    }),
    { ...claude, ...failed, usage: { ...anthropicRead, output: 1 }, emitted: "HmJa" },
  ),
  shape(
    "anthropic: nothing was to be written",
    EVENTS,
    typedSse(anthropicStart, anthropicDelta(0, "max_tokens"), { type: "message_stop" }),
    { ...claude, usage: { ...anthropicRead, output: 0 } },
  ),
  shape(
    "anthropic: whole",
    JSON_TYPE,
    utf8(
      json({
        id: "msg-d1",
        type: "message",
        role: "assistant",
        model: "claude-example",
        content: [
          { type: "text", text: "Ja." },
          { type: "tool_use", name: "ring", input: { bell: 2 } },
        ],
        stop_reason: "end_turn",
        usage: {
          input_tokens: 21,
          cache_creation_input_tokens: 0,
          cache_read_input_tokens: 4096,
          cache_creation: { ephemeral_5m_input_tokens: 0 },
          output_tokens: 305,
          output_tokens_details: { thinking_tokens: 290 },
          server_tool_use: null,
        },
      }),
    ),
    {
      ...claude,
      usage: { input: 4117, cachedRead: 4096, cacheWrite: 0, output: 305, reasoning: 290 },
      emitted: 'Ja.ring{"bell":2}',
    },
  ),
];
