import { describe, expect, test } from "@jest/globals";

import { asksForUsage, withMaxOutputTokens, withUsageRequested } from "./rewrite.ts";

const messages = [{ role: "user", content: "hi" }];
const gemini = "/v1beta/models/gemini-3-pro:generateContent";
const converse = "/model/anthropic.claude-3-haiku/converse";
const invoke = "/model/anthropic.claude-3-haiku/invoke";

type Row = readonly [string, string, Record<string, unknown>, Record<string, unknown>];

// The changes that a cap of 100 makes.
const rows: readonly Row[] = [
  ["no cap", "/v1/chat/completions", { messages }, { max_completion_tokens: 100 }],
  [
    "the deprecated cap",
    "/v1/chat/completions",
    { messages, max_tokens: 900 },
    { max_tokens: 100 },
  ],
  [
    "the cap",
    "/v1/chat/completions",
    { messages, max_completion_tokens: 900 },
    { max_completion_tokens: 100 },
  ],
  [
    "both caps",
    "/v1/chat/completions",
    { messages, max_tokens: 900, max_completion_tokens: 7 },
    { max_tokens: 100, max_completion_tokens: 7 },
  ],
  [
    "a cap of null",
    "/v1/chat/completions",
    { messages, max_tokens: null },
    { max_completion_tokens: 100 },
  ],
  ["a lower cap", "/v1/chat/completions", { messages, max_tokens: 5 }, { max_tokens: 5 }],
  ["a cap of 0", "/v1/chat/completions", { messages, max_tokens: 0 }, { max_tokens: 0 }],
  ["three answers", "/v1/chat/completions", { messages, n: 3 }, { max_completion_tokens: 33 }],
  ["Azure", "/openai/deployments/d/chat/completions", { messages }, { max_completion_tokens: 100 }],
  [
    "a batch",
    "/v1/completions",
    { prompt: ["a", "b"], max_tokens: 900, n: 2, best_of: 5 },
    { max_tokens: 10 },
  ],
  [
    "a prompt of tokens",
    "/v1/completions",
    { prompt: [1, 2, 3], max_tokens: 900 },
    { max_tokens: 100 },
  ],
  ["the server's default", "/v1/completions", { prompt: "a" }, { max_tokens: 16 }],
  [
    "Responses",
    "/v1/responses",
    { input: "a", max_output_tokens: 900 },
    { max_output_tokens: 100 },
  ],
  ["Anthropic", "/v1/messages", { messages, max_tokens: 900 }, { max_tokens: 100 }],
  [
    "Anthropic's thinking",
    "/v1/messages",
    { messages, max_tokens: 900, thinking: { type: "enabled", budget_tokens: 800 } },
    { max_tokens: 100, thinking: { type: "enabled", budget_tokens: 99 } },
  ],
  [
    "thinking that fits",
    "/v1/messages",
    { messages, max_tokens: 900, thinking: { type: "enabled", budget_tokens: 50 } },
    { max_tokens: 100 },
  ],
  [
    "adaptive thinking",
    "/v1/messages",
    { messages, max_tokens: 900, thinking: { type: "adaptive" } },
    { max_tokens: 100 },
  ],
  [
    "Gemini without a configuration",
    gemini,
    { contents: [] },
    { generationConfig: { maxOutputTokens: 100 } },
  ],
  [
    "Gemini without, in snake case",
    gemini,
    { contents: [], system_instruction: {} },
    { generation_config: { max_output_tokens: 100 } },
  ],
  [
    "Gemini",
    gemini,
    { contents: [], generationConfig: { topK: 1, candidateCount: 4 } },
    { generationConfig: { topK: 1, candidateCount: 4, maxOutputTokens: 25 } },
  ],
  [
    "Gemini in snake case",
    gemini,
    { contents: [], generation_config: { top_k: 1, max_output_tokens: 900 } },
    { generation_config: { top_k: 1, max_output_tokens: 100 } },
  ],
  [
    "Gemini in mixed case",
    gemini,
    { contents: [], generationConfig: { max_output_tokens: 900 } },
    { generationConfig: { max_output_tokens: 100 } },
  ],
  [
    "Gemini in mixed case, the other way",
    gemini,
    { contents: [], generation_config: { maxOutputTokens: 900 } },
    { generation_config: { maxOutputTokens: 100 } },
  ],
  [
    "Converse",
    converse,
    { messages, inferenceConfig: { topP: 1 } },
    { inferenceConfig: { topP: 1, maxTokens: 100 } },
  ],
  [
    "Converse's thinking",
    converse,
    { messages, additionalModelRequestFields: { top_k: 1, thinking: { budget_tokens: 4000 } } },
    {
      inferenceConfig: { maxTokens: 100 },
      additionalModelRequestFields: { top_k: 1, thinking: { budget_tokens: 99 } },
    },
  ],
  ["Claude invoked", invoke, { messages, max_tokens: 900 }, { max_tokens: 100 }],
  [
    "Llama invoked",
    "/model/meta.llama3/invoke",
    { prompt: "a", max_gen_len: 900 },
    { max_gen_len: 100 },
  ],
  [
    "Titan invoked",
    "/model/amazon.titan/invoke",
    { inputText: "a", textGenerationConfig: { topP: 1 } },
    { textGenerationConfig: { topP: 1, maxTokenCount: 100 } },
  ],
  [
    "Ollama chat",
    "/api/chat",
    { messages, options: { seed: 1 } },
    { options: { seed: 1, num_predict: 100 } },
  ],
  [
    "Ollama without end",
    "/api/generate",
    { prompt: "a", options: { num_predict: -1 } },
    { options: { num_predict: 100 } },
  ],
  ["Ollama without options", "/api/generate", { prompt: "a" }, { options: { num_predict: 100 } }],
  ["embeddings", "/v1/embeddings", { input: "a" }, {}],
  ["images", "/v1/images/generations", { prompt: "a" }, {}],
  ["an unknown format", "/my/own", { question: "a" }, {}],
  ["a count", "/v1/messages/count_tokens", { messages }, {}],
];

const frozen = <T>(value: T): T => {
  if (typeof value === "object" && value !== null) {
    for (const member of Object.values(value)) frozen(member);
    Object.freeze(value);
  }
  return value;
};

describe("withMaxOutputTokens", () => {
  test.each(rows)("lowers %s (%s), and nothing else", (_, path, body, changes) => {
    const before = structuredClone(body);
    expect(withMaxOutputTokens(frozen(body), 100, { path })).toEqual({ ...body, ...changes });
    expect(body).toEqual(before);
  });

  test("copies only what it changes", () => {
    const body = { model: "gpt-4o", messages };
    expect(withMaxOutputTokens(body, 10).messages).toBe(messages);
  });

  test("tells the format by the body where there is no path", () => {
    expect(withMaxOutputTokens({ contents: [] }, 9)).toEqual({
      contents: [],
      generationConfig: { maxOutputTokens: 9 },
    });
    expect(withMaxOutputTokens({ messages, system: "s", max_tokens: 90 }, 9)).toMatchObject({
      max_tokens: 9,
    });
  });

  test("leaves alone what is no body, and takes no cap for one", () => {
    for (const value of [undefined, null, "text", 7, [1]])
      expect(withMaxOutputTokens(value, 9)).toBe(value);
    const body = { messages };
    for (const cap of [Number.NaN, -1]) expect(withMaxOutputTokens(body, cap)).toBe(body);
    expect(withMaxOutputTokens(body, 9.9)).toMatchObject({ max_completion_tokens: 9 });
    expect(withMaxOutputTokens(body, Infinity)).toMatchObject({
      max_completion_tokens: Number.MAX_SAFE_INTEGER,
    });
  });
});

describe("withUsageRequested", () => {
  test("asks streams of chat and completions for usage, and keeps the other options", () => {
    const body = frozen({ messages, stream: true, stream_options: { include_obfuscation: false } });
    expect(withUsageRequested(body)).toEqual({
      messages,
      stream: true,
      stream_options: { include_obfuscation: false, include_usage: true },
    });
    expect(withUsageRequested({ prompt: "a", stream: true })).toMatchObject({
      stream_options: { include_usage: true },
    });
    const refused = { messages, stream: true, stream_options: { include_usage: false } };
    expect(asksForUsage(withUsageRequested(refused))).toBe(true);
  });

  test("returns every other body as it is", () => {
    const bodies: readonly unknown[] = [
      { messages },
      { messages, stream: null },
      { messages, stream: true, stream_options: { include_usage: true } },
      { input: "a", stream: true },
      { messages, stream: true, system: "s", model: "claude-3-opus" },
      { messages, stream: true, options: {} },
      { question: "a", stream: true },
      "text",
      undefined,
    ];
    for (const body of bodies) expect(withUsageRequested(body)).toBe(body);
    const ollama = { messages, stream: true };
    expect(withUsageRequested(ollama, { path: "/api/chat" })).toBe(ollama);
  });

  test("knows who asked", () => {
    expect(asksForUsage({ stream_options: { include_usage: true } })).toBe(true);
    for (const body of [
      {},
      null,
      "x",
      { stream_options: { include_usage: 1 } },
      { stream_options: 1 },
    ])
      expect(asksForUsage(body)).toBe(false);
  });
});
