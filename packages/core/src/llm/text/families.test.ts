import { describe, expect, test } from "@jest/globals";

import { familyOf } from "./families.ts";

describe("familyOf", () => {
  test.each([
    ["gpt-4o", "o200k", 1],
    ["gpt-4o-mini-2024-07-18", "o200k", 1],
    ["gpt-4.1-nano", "o200k", 1],
    ["gpt-5", "o200k", 1],
    ["gpt-5.4-mini", "o200k", 1],
    ["gpt-oss-120b", "o200k", 1],
    ["o1", "o200k", 1],
    ["o3-mini", "o200k", 1],
    ["o4-mini", "o200k", 1],
    ["chatgpt-4o-latest", "o200k", 1],
    ["gpt-4", "cl100k", 1],
    ["gpt-4-turbo", "cl100k", 1],
    ["gpt-4-0613", "cl100k", 1],
    ["gpt-3.5-turbo", "cl100k", 1],
    ["gpt-35-turbo", "cl100k", 1],
    ["ft:gpt-4o-mini:org::id", "o200k", 1],
    ["ft:gpt-3.5-turbo:org::id", "cl100k", 1],
    ["text-embedding-3-small", "cl100k", 1],
    ["text-embedding-ada-002", "cl100k", 1],
    ["claude-3-5-sonnet-20241022", "o200k", 1.15],
    ["claude-opus-4-1", "o200k", 1.15],
    ["claude-opus-4-6", "o200k", 1.15],
    ["claude-opus-4-7", "o200k", 1.45],
    ["claude-opus-4.8", "o200k", 1.45],
    ["claude-opus-5", "o200k", 1.45],
    ["claude-sonnet-4-5", "o200k", 1.15],
    ["claude-sonnet-5", "o200k", 1.45],
    ["claude-fable-5", "o200k", 1.45],
    ["gemini-2.5-flash", "o200k", 1.05],
    ["llama-3.3-70b", "o200k", 1.1],
    ["mistral-large", "o200k", 1.1],
    ["something-new", "o200k", 1.1],
    ["", "o200k", 1.1],
    [undefined, "o200k", 1.1],
  ] as const)("takes %s for %s × %d", (model, encoding, multiplier) => {
    expect(familyOf(model)).toStrictEqual({ encoding, multiplier });
  });

  test.each([
    ["openai/gpt-4", "gpt-4"],
    ["azure/gpt-3.5-turbo", "gpt-3.5-turbo"],
    ["anthropic.claude-opus-4-7-v1:0", "claude-opus-4-7"],
    ["us.anthropic.claude-opus-4-7-v1:0", "claude-opus-4-7"],
    ["eu.anthropic.claude-sonnet-5", "claude-sonnet-5"],
    ["global.anthropic.claude-3-haiku", "claude-3-haiku"],
    ["bedrock/us.anthropic.claude-opus-4-7-v1:0", "claude-opus-4-7"],
    ["openrouter/anthropic/claude-sonnet-5", "claude-sonnet-5"],
    ["models/gemini-2.5-pro", "gemini-2.5-pro"],
    ["publishers/google/models/gemini-2.5-pro", "gemini-2.5-pro"],
    ["Claude-Opus-4-7", "claude-opus-4-7"],
    [" GPT-4 ", "gpt-4"],
  ])("%s is %s, whoever serves it", (served, model) => {
    expect(familyOf(served)).toStrictEqual(familyOf(model));
  });

  test("the longest override that fits replaces the multiplier and keeps the encoding", () => {
    const overrides = new Map([
      ["gpt-4-turbo", 3],
      ["gpt-4", 2],
      ["o", 9],
    ]);
    expect(familyOf("gpt-4", overrides)).toStrictEqual({ encoding: "cl100k", multiplier: 2 });
    expect(familyOf("gpt-4-turbo-preview", overrides)).toStrictEqual({
      encoding: "cl100k",
      multiplier: 3,
    });
    expect(familyOf("openai/gpt-4-turbo", overrides).multiplier).toBe(3);
    expect(familyOf("claude-3", overrides).multiplier).toBe(1.15);
  });

  test("an override may name a model that is not known, and one as its provider names it", () => {
    expect(familyOf("mine-1", new Map([["mine", 1.7]])).multiplier).toBe(1.7);
    const served = new Map([["us.anthropic.claude-3", 1.3]]);
    expect(familyOf("us.anthropic.claude-3-haiku", served).multiplier).toBe(1.3);
    expect(familyOf("claude-3-haiku", served).multiplier).toBe(1.15);
  });

  test("a hostile name costs no more than a long one", () => {
    const repeated = "us.".repeat(5_000_000);
    const startedMs = performance.now();
    for (let call = 0; call < 1000; call += 1) familyOf(repeated, new Map([["us.us.", 5]]));
    expect(performance.now() - startedMs).toBeLessThan(1000);
    expect(familyOf(`claude${"x".repeat(1e6)}`).multiplier).toBe(1.15);
    expect(familyOf("\ud800\u0000__proto__").multiplier).toBe(1.1);
  });
});
