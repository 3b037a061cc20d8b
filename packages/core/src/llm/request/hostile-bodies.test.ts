import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";

import { holds } from "../../property.test-support.ts";
import { compactJson } from "./compact-json.ts";
import { estimateRequest, type RequestEstimate } from "./estimate-request.ts";
import { withMaxOutputTokens, withUsageRequested } from "./rewrite.ts";

const paths = [
  "/v1/chat/completions",
  "/v1/completions",
  "/v1/responses",
  "/v1/embeddings",
  "/v1/images/generations",
  "/v1/messages",
  "/v1beta/models/gemini-2.5-pro:generateContent",
  "/model/anthropic.claude-3-haiku/converse",
  "/model/meta.llama3/invoke",
  "/api/chat",
  "/api/generate",
  "/api/embed",
  "/my/own",
] as const;

const isCount = (value: number): boolean => Number.isSafeInteger(value) && value >= 0;

function expectSound(estimate: RequestEstimate): void {
  const { inputToken, maxOutputToken = 0, multiplicity } = estimate;
  expect(isCount(inputToken)).toBe(true);
  expect(isCount(maxOutputToken)).toBe(true);
  expect(isCount(multiplicity) && multiplicity >= 1).toBe(true);
}

const number = fc.constantFrom(
  0,
  -1,
  1,
  0.5,
  16,
  1e300,
  -1e300,
  Number.NaN,
  Infinity,
  -Infinity,
  2 ** 53,
);
const leaf = fc.oneof(
  fc.string(),
  number,
  fc.boolean(),
  fc.constantFrom(null, undefined, "100", "__proto__"),
);

// The names of all formats at random places, so that readers meet every type where they expect another.
const names = [
  ..."model messages content role type text input prompt contents parts system tools function name".split(
    " ",
  ),
  ..."arguments image_url url source data max_tokens max_completion_tokens max_output_tokens n".split(
    " ",
  ),
  ..."best_of stream stream_options generationConfig generation_config maxOutputTokens options".split(
    " ",
  ),
  ..."candidateCount num_predict inferenceConfig maxTokens toolResult inlineData functionResponse".split(
    " ",
  ),
  ..."images context instructions conversation thinking budget_tokens tool_calls __proto__ toString".split(
    " ",
  ),
];
const types = [
  "text",
  "image_url",
  "image",
  "tool_result",
  "document",
  "message",
  "reasoning",
  "constructor",
];

const { json } = fc.letrec<{ json: unknown }>((tie) => ({
  json: fc.oneof(
    { maxDepth: 6, depthSize: "small" },
    fc.oneof(leaf, fc.constantFrom(...types)),
    fc.array(tie("json"), { maxLength: 4 }),
    fc.dictionary(fc.constantFrom(...names), tie("json"), { maxKeys: 8 }),
  ),
}));

const body = fc.oneof(
  json,
  fc.dictionary(fc.constantFrom(...names), json, { maxKeys: 10 }),
  fc.anything({ withBigInt: true, withDate: true, withTypedArray: true, withSparseArray: true }),
);

const timeMs = (value: unknown): number => {
  let best = Number.POSITIVE_INFINITY;
  for (let i = 0; i < 5; i++) {
    const start = process.hrtime.bigint();
    estimateRequest(value);
    best = Math.min(best, Number(process.hrtime.bigint() - start) / 1e6);
  }
  return best;
};

describe("hostile bodies", () => {
  test("any value gives non-negative safe integers on any route, and none throws", () => {
    holds(
      fc.tuple(body, fc.option(fc.constantFrom(...paths), { nil: undefined }), number),
      ([value, path, contentLength]) => {
        const options = { contentLength, ...(path === undefined ? {} : { path }) };
        expectSound(estimateRequest(value, options));
      },
      3000,
    );
  });

  test("any value can be rewritten, and is left as it was", () => {
    holds(
      fc.tuple(json, fc.option(fc.constantFrom(...paths), { nil: undefined }), fc.nat(5000)),
      ([value, path, cap]) => {
        const options = path === undefined ? {} : { path };
        const before = structuredClone(value);
        const rewritten = withMaxOutputTokens(value, cap, options);
        withUsageRequested(value, options);
        expect(value).toEqual(before);
        const { maxOutputToken, api } = estimateRequest(rewritten, options);
        const isObject = typeof value === "object" && value !== null && !Array.isArray(value);
        if (!isObject || api === "unknown" || api === "images" || maxOutputToken === undefined)
          return;
        expect(maxOutputToken).toBeLessThanOrEqual(cap);
      },
      3000,
    );
  });

  const tooLarge = [1e300, Infinity, 2 ** 53] as const;

  test.each(tooLarge)("caps and counts of %p are clipped to what is safe", (size) => {
    const chat = { messages: [{ content: "hi" }], max_tokens: size, n: size };
    expect(estimateRequest(chat)).toMatchObject({
      maxOutputToken: Number.MAX_SAFE_INTEGER,
      multiplicity: Number.MAX_SAFE_INTEGER,
    });
    expectSound(estimateRequest(undefined, { contentLength: size }));
  });

  test.each([Number.NaN, -5, "100", null, [], {}])("a cap of %p is none", (size) => {
    const chat = { messages: [{ content: "hi" }], max_tokens: size };
    expect(estimateRequest(chat).maxOutputToken).toBeUndefined();
  });

  test("nesting of 200,000 levels neither overflows the stack nor is free", () => {
    const root: unknown[] = [];
    let deepest = root;
    for (let i = 0; i < 200_000; i++) {
      const next: unknown[] = [];
      deepest.push(next);
      deepest = next;
    }
    const bodies: readonly (readonly [unknown, string])[] = [
      [root, "/my/own"],
      [{ messages: [{ content: root }] }, "/v1/chat/completions"],
      [{ tools: [{ function: root }] }, "/v1/chat/completions"],
      [{ messages: [{ content: [{ type: "tool_use", input: root }] }] }, "/v1/messages"],
      [{ contents: root }, "/v1/models/g:generateContent"],
      [{ format: { root } }, "/api/chat"],
    ];
    for (const [value, path] of bodies)
      expect(estimateRequest(value, { path }).inputToken).toBeGreaterThanOrEqual(100_000);
    const declared = { path: "/my/own", contentLength: 2_000_000 };
    expect(estimateRequest(root, declared).inputToken).toBe(500_000);
  });

  test("nested tool results are read at any depth", () => {
    let block: unknown = { type: "text", text: "hello" };
    for (let i = 0; i < 20_000; i++) block = { type: "tool_result", content: [block] };
    const { inputToken } = estimateRequest(
      { messages: [{ content: [block] }] },
      { path: "/v1/messages" },
    );
    expect(inputToken).toBe(9);
  });

  test("a body that holds itself hundreds of times comes to an end", () => {
    const value: Record<string, unknown> = { role: "user" };
    const many = Array.from({ length: 300 }, () => value);
    for (const name of ["messages", "content", "contents", "parts", "input", "tools", "function"])
      value[name] = many;
    for (const path of paths) expectSound(estimateRequest(value, { path }));
    expect(compactJson(value, { left: 5000 }).length).toBeLessThan(200_000);
  });

  test("objects with traps count as a body that nobody parsed", () => {
    const trapped = {
      get messages(): unknown {
        throw new Error("no");
      },
    };
    const { proxy, revoke } = Proxy.revocable({}, {});
    revoke();
    expect(estimateRequest(trapped).inputToken).toBe(4096);
    expect(estimateRequest(proxy, { contentLength: 40 }).inputToken).toBe(10);
  });

  test("time grows with the body and not with its square", () => {
    const kinds: readonly ((size: number) => unknown)[] = [
      (size) => ({
        messages: Array.from({ length: size }, () => ({ content: [{ type: "text" }] })),
      }),
      (size) => ({
        messages: [],
        tools: [{ function: Array.from({ length: size }, (_, i) => i) }],
      }),
      (size) => ({ prompt: Array.from({ length: size }, () => [1]) }),
      (size) => ({ anything: Array.from({ length: size }, () => ({ a: "b" })) }),
    ];
    for (const make of kinds) {
      const small = make(500);
      const large = make(32_000);
      timeMs(small);
      // 64 times the body; the square would be 4096 times the work. The rest is for a busy machine.
      expect(timeMs(large)).toBeLessThan(800 * Math.max(timeMs(small), 0.1));
    }
  });
});

describe("compactJson", () => {
  test("writes what JSON.stringify writes", () => {
    holds(fc.jsonValue(), (value) => {
      expect(compactJson(value, { left: 10_000 })).toBe(JSON.stringify(value));
    });
  });

  test("stops at its budget and still closes what it opened", () => {
    const budget = { left: 3 };
    expect(compactJson([1, [2, 3], 4], budget)).toBe("[1,[],4]");
    expect(budget.left).toBe(0);
  });
});
