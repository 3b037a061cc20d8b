import type { PartialUsage } from "../read-usage.ts";
import {
  type ResponseShape,
  utf8,
  json,
  sse,
  EVENTS,
  JSON_TYPE,
  chunk,
  says,
  shape,
  cutShort,
  failed,
} from "./framed.test-support.ts";

const gpt = { model: "gpt-example" };

/** A chat completion in chunks. */
export const tide: readonly object[] = [
  chunk(
    { index: 0, delta: { role: "assistant", content: "" }, finish_reason: null },
    { usage: null },
  ),
  chunk(says("Low"), { usage: null }),
  chunk(says(" tide — 潮"), { usage: null }),
  chunk(says(" is"), { usage: null }),
  chunk(says(' at 14:20 "sharp"\n🌊'), { usage: null }),
  chunk({ index: 0, delta: {}, finish_reason: "stop" }, { usage: null }),
];

/** What it says. */
export const TIDE = 'Low tide — 潮 is at 14:20 "sharp"\n🌊';

const chatUsage = {
  prompt_tokens: 412,
  completion_tokens: 96,
  total_tokens: 508,
  prompt_tokens_details: { cached_tokens: 256, cache_write_tokens: 0, audio_tokens: 0 },
  completion_tokens_details: { reasoning_tokens: 64, rejected_prediction_tokens: 0 },
};

/** What its usage comes to. */
export const chatRead: PartialUsage = {
  input: 412,
  cachedRead: 256,
  cacheWrite: 0,
  output: 96,
  reasoning: 64,
};

/** Chat and legacy completions, of OpenAI and all that speak like it. */
export const chat: readonly ResponseShape[] = [
  shape(
    "chat: with usage in an extra chunk",
    EVENTS,
    sse(...tide, chunk(undefined, { usage: chatUsage }), "[DONE]"),
    { ...gpt, usage: chatRead, emitted: TIDE },
  ),
  shape("chat: without usage", EVENTS, sse(...tide, "[DONE]"), { ...gpt, emitted: TIDE }),
  shape(
    "chat: a reported zero",
    EVENTS,
    sse(
      ...tide,
      chunk(undefined, { usage: { prompt_tokens: 0, completion_tokens: 0, total_tokens: 0 } }),
      "[DONE]",
    ),
    { ...gpt, emitted: TIDE, usage: { input: 0, output: 0 } },
  ),
  shape(
    "chat: usage on the chunk that finishes, and no [DONE]",
    EVENTS,
    sse(
      ...tide.slice(0, -1),
      chunk({ index: 0, delta: {}, finish_reason: "length" }, { usage: chatUsage }),
    ),
    { ...gpt, usage: chatRead, emitted: TIDE },
  ),
  shape("chat: closed early", EVENTS, sse(...tide.slice(0, 3)), {
    ...gpt,
    ...cutShort,
    emitted: "Low tide — 潮",
  }),
  shape(
    "chat: closed inside an event",
    EVENTS,
    utf8(`data: ${json(tide[1])}\n\ndata: {"id":"chatcmpl-a2","choices":[{"index":0,"del`),
    { ...gpt, ...cutShort, emitted: "Low" },
  ),
  shape(
    "chat: an error in the stream",
    EVENTS,
    sse(...tide.slice(0, 3), {
      error: { message: "overloaded", type: "server_error", code: null },
    }),
    { ...gpt, ...failed, emitted: "Low tide — 潮" },
  ),
  shape(
    "chat: two choices, of which one has finished",
    EVENTS,
    sse(
      chunk(says("a")),
      chunk({ ...says("b"), index: 1 }),
      chunk({ index: 0, delta: {}, finish_reason: "stop" }),
    ),
    { ...gpt, ...cutShort, emitted: "ab" },
  ),
  shape(
    "chat: tool calls, refusal and speech",
    EVENTS,
    sse(
      chunk({
        index: 0,
        delta: {
          tool_calls: [{ index: 0, id: "call_1", function: { name: "ring", arguments: "" } }],
        },
        finish_reason: null,
      }),
      chunk({
        index: 0,
        delta: { tool_calls: [{ index: 0, function: { arguments: '{"bell":' } }] },
        finish_reason: null,
      }),
      chunk({
        index: 0,
        delta: { tool_calls: [{ index: 0, function: { arguments: "2}" } }] },
        finish_reason: null,
      }),
      chunk({ index: 0, delta: { refusal: "No." }, finish_reason: null }),
      chunk({
        index: 0,
        delta: { audio: { data: "AAAABBBB", transcript: "Ding" } },
        finish_reason: "tool_calls",
      }),
      "[DONE]",
    ),
    { ...gpt, emitted: 'ring{"bell":2}No.Ding' },
  ),
  shape(
    "chat: CRLF, comments, a byte-order mark and no last blank line",
    EVENTS,
    utf8(
      `\uFEFFdata:${json(tide[1])}\r\n\r\n: keep-alive\r\n\r\nid: 7\r\ndata: ${json(tide[2]).replace(",", ",\r\ndata: ")}\r\n\r\ndata: ${json(chunk(undefined, { usage: chatUsage }))}\r\n\r\ndata: [DONE]`,
    ),
    { ...gpt, usage: chatRead, emitted: "Low tide — 潮" },
  ),
  shape(
    "chat: lines end in CR, data in several lines",
    EVENTS,
    utf8(
      `data: ${json(tide[1])}\r\rdata: {"model":"gpt-example",\rdata: "choices":[{"index":0,"delta":{"content":" tide"},\rdata:"finish_reason":"stop"}]}\r\r`,
    ),
    { ...gpt, emitted: "Low tide" },
  ),
  shape(
    "chat: obfuscation is not output",
    EVENTS,
    sse(
      chunk(says("Low"), { obfuscation: "k2Hs9" }),
      chunk(says(" tide"), { obfuscation: "k2" }),
      "[DONE]",
    ),
    { ...gpt, emitted: "Low tide" },
  ),
  shape(
    "chat: whole",
    JSON_TYPE,
    utf8(
      json({
        id: "chatcmpl-a1",
        object: "chat.completion",
        model: "gpt-example",
        choices: [
          {
            index: 0,
            finish_reason: "stop",
            message: { role: "assistant", content: "Low tide is at 14:20." },
          },
        ],
        usage: chatUsage,
      }),
    ),
    { ...gpt, usage: chatRead, emitted: "Low tide is at 14:20." },
  ),
  shape(
    "chat: refused as a whole",
    JSON_TYPE,
    utf8(
      json({
        error: { message: "Rate limit reached", type: "tokens", code: "rate_limit_exceeded" },
      }),
    ),
    failed,
  ),
  shape(
    "completions: streamed",
    EVENTS,
    sse(
      {
        id: "cmpl-b1",
        object: "text_completion",
        model: "gpt-instruct-example",
        choices: [{ index: 0, text: " four", finish_reason: "stop", logprobs: null }],
      },
      {
        id: "cmpl-b1",
        choices: [],
        usage: { prompt_tokens: 11, completion_tokens: 1, total_tokens: 12 },
      },
      "[DONE]",
    ),
    { model: "gpt-instruct-example", usage: { input: 11, output: 1 }, emitted: " four" },
  ),
  shape(
    "azure: opens without choices",
    EVENTS,
    sse(
      {
        id: "",
        object: "",
        model: "",
        created: 0,
        choices: [],
        prompt_filter_results: [{ prompt_index: 0, content_filter_results: {} }],
      },
      chunk({
        ...says("Low"),
        content_filter_results: { hate: { filtered: false, severity: "safe" } },
      }),
      chunk({ index: 0, delta: {}, finish_reason: "stop" }),
      chunk(undefined, { usage: { prompt_tokens: 37, completion_tokens: 1, total_tokens: 38 } }),
      "[DONE]",
    ),
    { ...gpt, usage: { input: 37, output: 1 }, emitted: "Low" },
  ),
  shape(
    "groq: the same totals three times",
    EVENTS,
    sse(
      chunk(says("Hop")),
      chunk(
        { index: 0, delta: {}, finish_reason: "stop" },
        {
          usage: { prompt_tokens: 18, completion_tokens: 50, total_tokens: 68 },
          x_groq: {
            id: "req_1",
            usage: {
              prompt_tokens: 18,
              completion_tokens: 50,
              total_tokens: 68,
              queue_time: 0.01,
              total_time: 0.2,
            },
          },
        },
      ),
      chunk(undefined, { usage: { prompt_tokens: 18, completion_tokens: 50, total_tokens: 68 } }),
      "[DONE]",
    ),
    { ...gpt, usage: { input: 18, output: 50 }, emitted: "Hop" },
  ),
  shape(
    "groq: whole, with cache sizes that are no usage",
    JSON_TYPE,
    utf8(
      json({
        model: "groq-example",
        choices: [{ index: 0, finish_reason: "stop", message: { content: "Hop" } }],
        usage: { prompt_tokens: 18, completion_tokens: 5 },
        x_groq: {
          id: "req_1",
          usage: { dram_cached_tokens: 7, sram_cached_tokens: 9, input_tokens: 999 },
        },
      }),
    ),
    { model: "groq-example", usage: { input: 18, output: 5 }, emitted: "Hop" },
  ),
  shape(
    "vllm: running totals",
    EVENTS,
    sse(
      ...[10, 30, 50].map((output) => ({
        id: "cmpl-v1",
        model: "open-example",
        choices: [{ index: 0, delta: { reasoning_content: "a", content: null } }],
        usage: { prompt_tokens: 9, completion_tokens: output, total_tokens: 9 + output },
      })),
      "[DONE]",
    ),
    { model: "open-example", usage: { input: 9, output: 50 }, emitted: "aaa" },
  ),
  shape(
    "vllm: running totals, closed early",
    EVENTS,
    sse(
      ...[1, 2].map((output) => ({
        id: "cmpl-v1",
        choices: [{ index: 0, delta: { content: "a" } }],
        usage: { prompt_tokens: 9, completion_tokens: output },
      })),
    ),
    { ...cutShort, usage: { input: 9, output: 2 }, emitted: "aa" },
  ),
  shape(
    "deepseek: whole",
    JSON_TYPE,
    utf8(
      json({
        choices: [
          { index: 0, finish_reason: "stop", message: { reasoning_content: "Hm", content: "Ja" } },
        ],
        usage: {
          prompt_tokens: 396,
          completion_tokens: 120,
          total_tokens: 516,
          prompt_cache_hit_tokens: 256,
          prompt_cache_miss_tokens: 140,
          completion_tokens_details: { reasoning_tokens: 80 },
        },
      }),
    ),
    { usage: { input: 396, cachedRead: 256, output: 120, reasoning: 80 }, emitted: "JaHm" },
  ),
];
