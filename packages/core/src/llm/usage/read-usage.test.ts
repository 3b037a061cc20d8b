import { expect, test } from "@jest/globals";
import fc from "fast-check";

import { holds } from "../../property.test-support.ts";
import { readUsage } from "./read-usage.ts";

test("D-LLM-09: cached tokens are inside the prompt at OpenAI and outside at Anthropic and Bedrock, thoughts outside the answer at Gemini (W22, W24)", () => {
  const openAi = {
    prompt_tokens: 1000,
    completion_tokens: 5,
    prompt_tokens_details: { cached_tokens: 900 },
  };
  expect(readUsage(openAi)).toEqual({ input: 1000, cachedRead: 900, output: 5 });
  const responses = {
    input_tokens: 1000,
    input_tokens_details: { cached_tokens: 900 },
    output_tokens: 5,
  };
  expect(readUsage(responses)).toEqual({ input: 1000, cachedRead: 900, output: 5 });
  const anthropic = { input_tokens: 100, cache_read_input_tokens: 900, output_tokens: 5 };
  expect(readUsage(anthropic)).toEqual({ input: 1000, cachedRead: 900, output: 5 });
  const converse = {
    inputTokens: 60,
    cacheReadInputTokens: 900,
    cacheWriteInputTokens: 40,
    outputTokens: 5,
  };
  expect(readUsage(converse)).toEqual({ input: 1000, cachedRead: 900, cacheWrite: 40, output: 5 });
  const gemini = {
    promptTokenCount: 9,
    cachedContentTokenCount: 4,
    candidatesTokenCount: 50,
    thoughtsTokenCount: 300,
  };
  expect(readUsage(gemini)).toEqual({ input: 9, cachedRead: 4, output: 350, reasoning: 300 });
});

test("a gateway's Anthropic names beside an OpenAI prompt are not added to it", () => {
  const usage = {
    prompt_tokens: 1000,
    completion_tokens: 5,
    cache_read_input_tokens: 900,
    cache_creation_input_tokens: 20,
  };
  expect(readUsage(usage)).toEqual({ input: 1000, cachedRead: 900, cacheWrite: 20, output: 5 });
});

test("D-LLM-05: zero is a report, and what is no number is none (W02)", () => {
  expect(readUsage({ prompt_tokens: 0, completion_tokens: 0 })).toEqual({ input: 0, output: 0 });
  expect(readUsage({ input_tokens: 7, output_tokens: 0 })).toEqual({ input: 7, output: 0 });
  for (const nothing of [null, undefined, Number.NaN, -1, Number.POSITIVE_INFINITY, "5", {}]) {
    expect(readUsage({ prompt_tokens: nothing, completion_tokens: nothing })).toBeUndefined();
    expect(readUsage({ prompt_tokens: 3, completion_tokens: nothing })).toEqual({ input: 3 });
  }
});

test("thoughts are output where nothing else was written", () => {
  expect(readUsage({ promptTokenCount: 9, thoughtsTokenCount: 240 })).toEqual({
    input: 9,
    output: 240,
    reasoning: 240,
  });
  expect(readUsage({ promptTokenCount: 9, totalTokenCount: 9 })).toEqual({ input: 9 });
});

test("what tools brought in is input", () => {
  expect(readUsage({ promptTokenCount: 9, toolUsePromptTokenCount: 30 })).toEqual({ input: 39 });
  const interaction = {
    total_input_tokens: 9,
    total_tool_use_tokens: 30,
    total_output_tokens: 2,
    total_thought_tokens: 5,
    total_cached_tokens: 1,
  };
  expect(readUsage(interaction)).toEqual({ input: 39, cachedRead: 1, output: 7, reasoning: 5 });
});

test("caches alone do not pass for the input", () => {
  expect(readUsage({ cache_read_input_tokens: 5, output_tokens: 2 })).toEqual({
    cachedRead: 5,
    output: 2,
  });
});

test("embeddings write nothing", () => {
  expect(readUsage({ prompt_tokens: 58, total_tokens: 58 })).toEqual({ input: 58, output: 0 });
  expect(readUsage({ usage: { tokens: 12 } })).toEqual({ input: 12, output: 0 });
  expect(readUsage({ prompt_tokens: 58, total_tokens: 60 })).toEqual({ input: 58 });
});

test("the AI SDK's usage is read in its versions", () => {
  expect(
    readUsage({ promptTokens: 4, completionTokens: Number.NaN, totalTokens: Number.NaN }),
  ).toEqual({ input: 4 });
  const five = {
    inputTokens: 400,
    outputTokens: 96,
    totalTokens: 496,
    reasoningTokens: 64,
    cachedInputTokens: 256,
  };
  expect(readUsage(five)).toEqual({ input: 400, cachedRead: 256, output: 96, reasoning: 64 });
  const seven = {
    inputTokens: 412,
    inputTokenDetails: { noCacheTokens: 156, cacheReadTokens: 256, cacheWriteTokens: 3 },
    outputTokens: 96,
    outputTokenDetails: { textTokens: 32, reasoningTokens: 64 },
    totalTokens: 508,
    raw: { prompt_tokens: 1 },
  };
  expect(readUsage(seven)).toEqual({
    input: 412,
    cachedRead: 256,
    cacheWrite: 3,
    output: 96,
    reasoning: 64,
  });
  const steps = {
    usage: { inputTokens: 1, outputTokens: 1 },
    totalUsage: { inputTokens: 5, outputTokens: 6 },
  };
  expect(readUsage(steps)).toEqual({ input: 5, output: 6 });
  expect(readUsage({ inputTokens: undefined, outputTokens: undefined })).toBeUndefined();
});

test("W28: Groq's cache sizes are no usage", () => {
  const sizes = { dram_cached_tokens: 7, sram_cached_tokens: 9, input_tokens: 999 };
  expect(readUsage({ x_groq: { usage: sizes } })).toBeUndefined();
  expect(readUsage({ x_groq: { usage: { prompt_tokens: 18, completion_tokens: 5 } } })).toEqual({
    input: 18,
    output: 5,
  });
});

test("W29: counters that Ollama leaves out are 0 on its last line, and missing before", () => {
  expect(readUsage({ model: "m", done: true })).toEqual({ input: 0, output: 0 });
  expect(readUsage({ model: "m", done: true, eval_count: 3 })).toEqual({ input: 0, output: 3 });
  expect(readUsage({ model: "m", done: false })).toBeUndefined();
});

test("what InvokeModel adds is read", () => {
  const metrics = {
    inputTokenCount: 100,
    outputTokenCount: 50,
    cacheReadInputTokenCount: 80,
    cacheWriteInputTokenCount: 20,
  };
  const read = { input: 200, cachedRead: 80, cacheWrite: 20, output: 50 };
  expect(readUsage({ "amazon-bedrock-invocationMetrics": metrics })).toEqual(read);
});

test("what has no usage has none", () => {
  for (const nothing of [undefined, null, 5, "usage", [], {}, { usage: null }, { usage: [] }]) {
    expect(readUsage(nothing)).toBeUndefined();
  }
});

test("no part is larger than what it is part of, and none negative, whatever is reported", () => {
  const number = fc.oneof(fc.nat(1000), fc.double(), fc.constantFrom(null, undefined, -1));
  const names = [
    "prompt_tokens",
    "input_tokens",
    "completion_tokens",
    "output_tokens",
    "total_tokens",
    "cache_read_input_tokens",
    "cache_creation_input_tokens",
    "cachedInputTokens",
    "thoughtsTokenCount",
    "reasoningTokens",
    "toolUsePromptTokenCount",
  ];
  const details = fc.record({
    cached_tokens: number,
    cache_write_tokens: number,
    reasoning_tokens: number,
  });
  const usage = fc.record(
    {
      ...Object.fromEntries(names.map((name) => [name, number])),
      prompt_tokens_details: details,
      output_tokens_details: details,
    },
    { requiredKeys: [] },
  );
  holds(usage, (value) => {
    const read = readUsage(value) ?? {};
    const { cachedRead = 0, cacheWrite = 0, reasoning = 0 } = read;
    expect(cachedRead + cacheWrite).toBeLessThanOrEqual(read.input ?? Number.POSITIVE_INFINITY);
    expect(reasoning).toBeLessThanOrEqual(read.output ?? Number.POSITIVE_INFINITY);
    for (const count of Object.values(read)) {
      expect(Number.isSafeInteger(count) && count >= 0).toBe(true);
    }
  });
});
