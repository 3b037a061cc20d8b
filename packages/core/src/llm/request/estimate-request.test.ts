import { describe, expect, test } from "@jest/globals";

import { dataUrl, png } from "../media/pictures.test-support.ts";
import { estimateText } from "../text/estimate-text.ts";
import type { Api, Provider } from "../tokens.ts";
import { type EstimateOptions, estimateRequest } from "./estimate-request.ts";

const chat = "/v1/chat/completions";
const gpt = "gpt-4o";
const user = (content: unknown) => ({ role: "user", content });
const input = (body: unknown, options?: EstimateOptions): number =>
  estimateRequest(body, options).inputToken;
const cap = (body: unknown, path?: string): number | undefined =>
  estimateRequest(body, path === undefined ? {} : { path }).maxOutputToken;

/** A text of exactly known estimate, so that sums can be checked. */
const prose = "The tide is low at fourteen twenty, and the boats lie on the sand. ".repeat(20);
const proseTokens = estimateText(prose);

describe("reading requests", () => {
  test("W01 / D-LLM-04: of two conflicting caps the larger wins", () => {
    const body = {
      model: gpt,
      messages: [user("hi")],
      max_tokens: 1,
      max_completion_tokens: 100_000,
    };
    expect(cap(body, chat)).toBe(100_000);
    expect(cap(body)).toBe(100_000);
    expect(cap({ ...body, max_tokens: 100_000, max_completion_tokens: 1 }, chat)).toBe(100_000);
    expect(
      cap(
        {
          contents: [],
          generationConfig: { maxOutputTokens: 1 },
          generation_config: { max_output_tokens: 900 },
        },
        "/v1beta/models/gemini-3-pro:generateContent",
      ),
    ).toBe(900);
    // An endless cap is no smaller than a finite one, nor is a negative one.
    expect(cap({ ...body, max_completion_tokens: Infinity }, chat)).toBe(Number.MAX_SAFE_INTEGER);
    expect(cap({ ...body, max_completion_tokens: -1 }, chat)).toBeUndefined();
  });

  test("W02 / D-LLM-05: a cap of 0 is a cap", () => {
    const caps: readonly (readonly [unknown, string])[] = [
      [{ messages: [user("hi")], max_tokens: 0 }, "/v1/messages"],
      [{ messages: [user("hi")], max_tokens: 0 }, chat],
      [{ prompt: "hi", max_tokens: 0 }, "/v1/completions"],
      [{ input: "hi", max_output_tokens: 0 }, "/v1/responses"],
      [{ contents: [], generationConfig: { maxOutputTokens: 0 } }, "/v1/models/g:generateContent"],
      [{ messages: [], inferenceConfig: { maxTokens: 0 } }, "/model/m/converse"],
      [{ messages: [], options: { num_predict: 0 } }, "/api/chat"],
    ];
    for (const [body, path] of caps) expect([path, cap(body, path)]).toEqual([path, 0]);
  });

  test("W03 / D-LLM-10: every prompt of a batch counts, token arrays by their length", () => {
    const one = input({ model: gpt, prompt: prose }, { path: "/v1/completions" });
    const three = input({ model: gpt, prompt: [prose, prose, prose] }, { path: "/v1/completions" });
    expect(one).toBe(Math.ceil(proseTokens));
    expect(three).toBe(Math.ceil(3 * proseTokens));
    const fields = [
      ["prompt", "/v1/completions"],
      ["input", "/v1/embeddings"],
    ] as const;
    for (const [field, path] of fields) {
      expect(input({ [field]: [7, 8, 9] }, { path })).toBe(3);
      expect(input({ [field]: [[7, 8, 9], [1], []] }, { path })).toBe(4);
    }
    expect(input({ prompt: "", context: [1, 2, 3, 4] }, { path: "/api/generate" })).toBe(4);
  });

  test("W04 / D-LLM-10: n, best_of, candidates and prompts multiply the output", () => {
    const messages = [user("hi")];
    expect(estimateRequest({ messages, n: 3, max_tokens: 10 }, { path: chat })).toMatchObject({
      multiplicity: 3,
      maxOutputToken: 30,
    });
    const batch = { prompt: ["a", "b"], n: 2, best_of: 5, max_tokens: 10 };
    expect(estimateRequest(batch, { path: "/v1/completions" })).toMatchObject({
      multiplicity: 10,
      maxOutputToken: 100,
    });
    expect(cap({ prompt: "a" }, "/v1/completions")).toBe(16);
    expect(cap({ prompt: [1, 2, 3], n: 2 }, "/v1/completions")).toBe(32);
    for (const generationConfig of [{ candidateCount: 4 }, { candidate_count: 4 }]) {
      const body = { contents: [], generationConfig };
      expect(estimateRequest(body, { path: "/v1/models/g:generateContent" }).multiplicity).toBe(4);
    }
    for (const n of [0, -2, "7", null, Number.NaN])
      expect(estimateRequest({ messages, n }, { path: chat }).multiplicity).toBe(1);
  });

  test("W05: the input of Responses is not one of embeddings, and its cap is read", () => {
    const body = { model: gpt, input: "hi", max_output_tokens: 500 };
    for (const options of [{ path: "/v1/responses" }, {}])
      expect(estimateRequest(body, options)).toMatchObject({
        api: "responses",
        generates: true,
        maxOutputToken: 500,
      });
    // Without a route a question is no batch to embed, whatever else its body has.
    expect(estimateRequest({ model: gpt, input: "hi" }).api).toBe("responses");
    expect(estimateRequest({ model: gpt, input: [user("hi")] }).api).toBe("responses");
    expect(estimateRequest({ model: "text-embedding-3-small", input: "hi" })).toMatchObject({
      api: "embeddings",
      generates: false,
      maxOutputToken: 0,
    });
    expect(estimateRequest({ model: gpt, input: "hi" }, { path: "/v1/embeddings" }).generates).toBe(
      false,
    );
  });

  test("W06: Ollama streams by default, and a negative num_predict is no cap", () => {
    const body = { model: "llama3", messages: [user("hi")], options: { num_predict: -1 } };
    const path = "/api/chat";
    expect(estimateRequest(body, { path })).toMatchObject({
      stream: true,
      maxOutputToken: undefined,
    });
    expect(estimateRequest({ ...body, stream: null }, { path }).stream).toBe(true);
    expect(estimateRequest({ ...body, stream: false }, { path }).stream).toBe(false);
    expect(estimateRequest({ ...body, stream: null }, { path: chat }).stream).toBe(false);
    expect(cap({ ...body, options: { num_predict: 64 } }, path)).toBe(64);
    expect(estimateRequest({ model: "m", prompt: "hi" }, { path: "/api/generate" }).stream).toBe(
      true,
    );
    expect(estimateRequest({ model: "m", input: "hi" }, { path: "/api/embed" }).stream).toBe(false);
  });

  const picture = png({ width: 1024, height: 1024 }, 1_050_000);
  const base64 = picture.toString("base64");
  const url = dataUrl("image/png", picture);

  const withMedia: readonly (readonly [string, string, unknown, number])[] = [
    ["chat image", chat, { messages: [user([{ type: "image_url", image_url: { url } }])] }, 765],
    [
      "chat image as text",
      chat,
      { messages: [user([{ type: "image_url", image_url: url }])] },
      765,
    ],
    [
      "chat audio",
      chat,
      { messages: [user([{ type: "input_audio", input_audio: { data: base64 } }])] },
      2000,
    ],
    [
      "chat file",
      chat,
      { messages: [user([{ type: "file", file: { file_data: base64 } }])] },
      8000,
    ],
    [
      "chat part of the future",
      chat,
      { messages: [user([{ type: "new", new: { data: base64 } }])] },
      765,
    ],
    [
      "Responses image",
      "/v1/responses",
      { input: [user([{ type: "input_image", image_url: url }])] },
      765,
    ],
    [
      "Responses screenshot",
      "/v1/responses",
      {
        input: [
          { type: "computer_call_output", output: { type: "computer_screenshot", image_url: url } },
        ],
      },
      765,
    ],
    [
      "Anthropic image",
      "/v1/messages",
      { messages: [user([{ type: "image", source: { type: "base64", data: base64 } }])] },
      1369,
    ],
    [
      "Anthropic tool result",
      "/v1/messages",
      {
        messages: [
          user([
            {
              type: "tool_result",
              content: [{ type: "image", source: { type: "base64", data: base64 } }],
            },
          ]),
        ],
      },
      1369,
    ],
    [
      "Anthropic PDF",
      "/v1/messages",
      { messages: [user([{ type: "document", source: { type: "base64", data: base64 } }])] },
      8000,
    ],
    [
      "Gemini image",
      "/v1/models/gemini-2.5-pro:generateContent",
      { contents: [{ parts: [{ inlineData: { mimeType: "image/png", data: base64 } }] }] },
      1032,
    ],
    [
      "Gemini snake image",
      "/v1/models/gemini-2.5-pro:generateContent",
      { contents: [{ parts: [{ inline_data: { mime_type: "image/png", data: base64 } }] }] },
      1032,
    ],
    [
      "Gemini video",
      "/v1/models/gemini-2.5-pro:generateContent",
      { contents: [{ parts: [{ inlineData: { mimeType: "video/mp4", data: base64 } }] }] },
      16_000,
    ],
    [
      "Converse image",
      "/model/anthropic.claude-3-haiku/converse",
      { messages: [user([{ image: { format: "png", source: { bytes: base64 } } }])] },
      1369,
    ],
    [
      "Converse image bytes",
      "/model/anthropic.claude-3-haiku/converse",
      { messages: [user([{ image: { format: "png", source: { bytes: picture } } }])] },
      1369,
    ],
    [
      "Converse document",
      "/model/anthropic.claude-3-haiku/converse",
      { messages: [user([{ document: { format: "pdf", source: { bytes: base64 } } }])] },
      8000,
    ],
    ["Ollama image", "/api/chat", { messages: [{ ...user(""), images: [base64] }] }, 1500],
    ["Ollama generate image", "/api/generate", { prompt: "", images: [base64] }, 1500],
    ["image edit", "/v1/images/edits", { prompt: "", images: [{ image_url: url }] }, 765],
    ["a shape of its own", "/ask", { picture: url }, 1500],
    ["a shape of its own, bare", "/ask", { picture: base64 }, 1500],
  ];

  test.each(withMedia)("W07 / D-LLM-13: base64 is no prose: %s", (_, path, body, expected) => {
    const { inputToken, textOnly } = estimateRequest(body, { path });
    expect(inputToken).toBeGreaterThanOrEqual(expected);
    expect(inputToken).toBeLessThanOrEqual(expected + 40);
    expect(textOnly).toBe(false);
  });

  test("D-LLM-13: remote images and stored files take the configured constants", () => {
    const images: readonly unknown[] = [
      { type: "image_url", image_url: { url: "https://example.test/a.png" } },
      { type: "image_url", image_url: { url } },
    ];
    const of = (part: unknown, media?: EstimateOptions["media"]): number =>
      input({ model: gpt, messages: [user([part])] }, { path: chat, ...(media && { media }) });
    expect(images.map((part) => of(part))).toEqual([1507, 772]);
    expect(of(images[0], { image: 40 })).toBe(47);
    expect(of(images[1], { maxImage: 100 })).toBe(107);
    expect(of({ type: "file", file: { file_id: "file-1" } })).toBe(8007);
    expect(of({ type: "file", file: { file_id: "file-1" } }, { document: 5 })).toBe(12);
    const claude = {
      model: "claude-opus-4-8",
      messages: [user([{ type: "image", source: { type: "file", file_id: "f" } }])],
    };
    expect(input(claude, { path: "/v1/messages" })).toBe(4807);
    expect(of({ type: "image_url", image_url: { url, detail: "low" } })).toBe(85 + 7);
  });

  test("W08: Gemini in camel and in snake case is one and the same", () => {
    const declared = { name: "tide", description: prose, parameters: { type: "object" } };
    const camel = {
      systemInstruction: { parts: [{ text: prose }] },
      contents: [
        { role: "user", parts: [{ text: prose }] },
        { role: "model", parts: [{ functionCall: { name: "tide", args: { at: prose } } }] },
        { role: "user", parts: [{ functionResponse: { name: "tide", response: { at: prose } } }] },
      ],
      tools: [{ functionDeclarations: [declared] }],
      generationConfig: { maxOutputTokens: 77, candidateCount: 2, responseSchema: { a: prose } },
    };
    const snake = {
      system_instruction: camel.systemInstruction,
      contents: [
        { role: "user", parts: [{ text: prose }] },
        { role: "model", parts: [{ function_call: { name: "tide", args: { at: prose } } }] },
        { role: "user", parts: [{ function_response: { name: "tide", response: { at: prose } } }] },
      ],
      tools: [{ function_declarations: [declared] }],
      generation_config: {
        max_output_tokens: 77,
        candidate_count: 2,
        response_schema: { a: prose },
      },
    };
    const path = "/v1beta/models/gemini-3-pro:streamGenerateContent?alt=sse";
    const estimate = estimateRequest(camel, { path });
    expect(estimateRequest(snake, { path })).toEqual(estimate);
    expect(estimate).toMatchObject({ maxOutputToken: 154, stream: true, model: "gemini-3-pro" });
    expect(estimate.inputToken).toBeGreaterThan(6 * 1.05 * proseTokens);
    expect(estimate.inputToken).toBeLessThan(6 * 1.05 * proseTokens + 90);
  });

  test("W11 / D-LLM-10: a missing cap drops no prompt", () => {
    for (const [path, body] of texts) {
      expect([path, input(body, { path }) >= proseTokens]).toEqual([path, true]);
    }
  });

  test("without a cap there is none, but where the server or a constant sets one", () => {
    const caps = new Map<string, number | undefined>([
      ["/v1/completions", 16],
      ["/v1/images/generations", 6240],
      ["/v1/embeddings", 0],
      ["/v1/models/g:embedContent", 0],
      ["/api/embed", 0],
    ]);
    for (const [path, body] of texts)
      expect([path, cap(body, path)]).toEqual([path, caps.get(path)]);
  });

  test("W12: names and ids are cut, and blanks and cases make no new ones", () => {
    const model = `GPT-4o\u0000 ${"x".repeat(1_000_000)}`;
    const estimate = estimateRequest({ model, messages: [] }, { path: chat });
    expect(estimate.model).toBe(`gpt-4o${"x".repeat(122)}`);
    const stored = estimateRequest(
      { input: "hi", previous_response_id: "r".repeat(100_000) },
      { path: "/v1/responses" },
    );
    expect(stored.conversation).toHaveLength(256);
    expect(estimateRequest({ model: {}, messages: [] }, { path: chat }).model).toBeUndefined();
    expect(estimateRequest({ model: " ", messages: [] }, { path: chat }).model).toBeUndefined();
  });
});

const texts: readonly (readonly [string, unknown])[] = [
  [chat, { messages: [user(prose)] }],
  ["/v1/completions", { prompt: prose }],
  ["/v1/responses", { input: prose }],
  ["/v1/responses", { input: [user([{ type: "input_text", text: prose }])] }],
  ["/v1/embeddings", { input: [prose] }],
  ["/v1/images/generations", { prompt: prose }],
  ["/v1/messages", { messages: [user(prose)] }],
  ["/v1/models/g:generateContent", { contents: [{ parts: [{ text: prose }] }] }],
  ["/v1/models/g:embedContent", { content: { parts: [{ text: prose }] } }],
  ["/model/m/converse", { messages: [user([{ text: prose }])] }],
  ["/model/m/invoke", { messages: [user(prose)] }],
  ["/model/m/invoke", { inputText: prose }],
  ["/api/chat", { messages: [user(prose)] }],
  ["/api/generate", { prompt: prose }],
  ["/api/embed", { input: prose }],
  ["/ask", { question: { text: prose } }],
];

const broken = (): number => {
  throw new RangeError("no");
};

const conversationOf = (body: object): string | undefined =>
  estimateRequest({ input: "hi", ...body }, { path: "/v1/responses" }).conversation;

const asked = (body: object, path: string = chat): boolean =>
  estimateRequest({ messages: [], prompt: "", input: "", ...body }, { path }).usageRequested;

describe("what counts", () => {
  test("chat framing is 4 a message and 3 a request", () => {
    const framing = [1, 2, 3, 5].map((messages) => {
      const body = { model: gpt, messages: Array.from({ length: messages }, () => user("hello")) };
      return input(body, { path: chat }) - Math.ceil(messages * estimateText("hello"));
    });
    expect(framing).toEqual([7, 11, 15, 23]);
    for (const model of ["gpt-3.5-turbo", "gpt-35-turbo", "openai/gpt-3.5-turbo-0125"])
      expect(input({ model, messages: [user("hello")] }, { path: chat })).toBe(10);
  });

  const growing: readonly (readonly [
    string,
    string,
    Record<string, unknown>,
    Record<string, unknown>,
  ])[] = [
    [
      "chat system",
      chat,
      { messages: [user("hi")] },
      { messages: [{ role: "system", content: prose }, user("hi")] },
    ],
    [
      "chat tools",
      chat,
      { messages: [user("hi")] },
      {
        messages: [user("hi")],
        tools: [{ type: "function", function: { name: "f", description: prose } }],
      },
    ],
    [
      "chat functions",
      chat,
      { messages: [user("hi")] },
      { messages: [user("hi")], functions: [{ name: "f", description: prose }] },
    ],
    [
      "chat tool calls",
      chat,
      { messages: [user("hi")] },
      {
        messages: [
          user("hi"),
          { role: "assistant", tool_calls: [{ function: { name: "f", arguments: prose } }] },
        ],
      },
    ],
    [
      "chat schema",
      chat,
      { messages: [user("hi")] },
      { messages: [user("hi")], response_format: { json_schema: { schema: { d: prose } } } },
    ],
    [
      "chat prediction",
      chat,
      { messages: [user("hi")] },
      { messages: [user("hi")], prediction: { type: "content", content: prose } },
    ],
    ["completions suffix", "/v1/completions", { prompt: "hi" }, { prompt: "hi", suffix: prose }],
    [
      "Responses instructions",
      "/v1/responses",
      { input: "hi" },
      { input: "hi", instructions: prose },
    ],
    [
      "Responses call",
      "/v1/responses",
      { input: "hi" },
      { input: [user("hi"), { type: "function_call", name: "f", arguments: prose }] },
    ],
    [
      "Responses call output",
      "/v1/responses",
      { input: "hi" },
      { input: [user("hi"), { type: "function_call_output", output: prose }] },
    ],
    [
      "Responses unknown item",
      "/v1/responses",
      { input: "hi" },
      { input: [user("hi"), { type: "odd_call_output", found: [prose] }] },
    ],
    [
      "Responses tools",
      "/v1/responses",
      { input: "hi" },
      { input: "hi", tools: [{ type: "function", name: "f", description: prose }] },
    ],
    [
      "Responses schema",
      "/v1/responses",
      { input: "hi" },
      { input: "hi", text: { format: { schema: { d: prose } } } },
    ],
    [
      "Responses variables",
      "/v1/responses",
      { input: "hi" },
      { input: "hi", prompt: { id: "p", variables: { a: prose } } },
    ],
    [
      "Anthropic system",
      "/v1/messages",
      { messages: [user("hi")] },
      { messages: [user("hi")], system: [{ type: "text", text: prose }] },
    ],
    [
      "Anthropic tools",
      "/v1/messages",
      { messages: [user("hi")] },
      { messages: [user("hi")], tools: [{ name: "f", description: prose, input_schema: {} }] },
    ],
    [
      "Anthropic tool use",
      "/v1/messages",
      { messages: [user("hi")] },
      { messages: [user([{ type: "tool_use", name: "f", input: { a: prose } }])] },
    ],
    [
      "Anthropic tool result",
      "/v1/messages",
      { messages: [user("hi")] },
      { messages: [user([{ type: "tool_result", content: prose }])] },
    ],
    [
      "Anthropic nested result",
      "/v1/messages",
      { messages: [user("hi")] },
      { messages: [user([{ type: "tool_result", content: [{ type: "text", text: prose }] }])] },
    ],
    [
      "Anthropic text document",
      "/v1/messages",
      { messages: [user("hi")] },
      { messages: [user([{ type: "document", source: { type: "text", data: prose } }])] },
    ],
    [
      "Anthropic thinking",
      "/v1/messages",
      { messages: [user("hi")] },
      { messages: [user([{ type: "thinking", thinking: prose }])] },
    ],
    [
      "Converse system",
      "/model/m/converse",
      { messages: [user([{ text: "hi" }])] },
      { messages: [user([{ text: "hi" }])], system: [{ text: prose }] },
    ],
    [
      "Converse tools",
      "/model/m/converse",
      { messages: [user([{ text: "hi" }])] },
      {
        messages: [user([{ text: "hi" }])],
        toolConfig: { tools: [{ toolSpec: { name: "f", description: prose } }] },
      },
    ],
    [
      "Converse tool result",
      "/model/m/converse",
      { messages: [user([{ text: "hi" }])] },
      { messages: [user([{ toolResult: { content: [{ json: { a: prose } }] } }])] },
    ],
    [
      "Converse guard",
      "/model/m/converse",
      { messages: [user([{ text: "hi" }])] },
      { messages: [user([{ guardContent: { text: { text: prose } } }])] },
    ],
    [
      "Converse reasoning",
      "/model/m/converse",
      { messages: [user([{ text: "hi" }])] },
      { messages: [user([{ reasoningContent: { reasoningText: { text: prose } } }])] },
    ],
    [
      "Ollama tools",
      "/api/chat",
      { messages: [user("hi")] },
      { messages: [user("hi")], tools: [{ function: { name: "f", description: prose } }] },
    ],
    [
      "Ollama format",
      "/api/chat",
      { messages: [user("hi")] },
      { messages: [user("hi")], format: { d: prose } },
    ],
    [
      "Ollama thinking",
      "/api/chat",
      { messages: [user("hi")] },
      { messages: [{ ...user("hi"), thinking: prose }] },
    ],
    ["Ollama system", "/api/generate", { prompt: "hi" }, { prompt: "hi", system: prose }],
  ];

  test.each(growing)("D-LLM-10: the estimate grows with %s", (_, path, without, more) => {
    const before = input({ model: gpt, ...without }, { path });
    expect(input({ model: gpt, ...more }, { path })).toBeGreaterThan(before + proseTokens - 20);
  });

  test("text is multiplied by its model's family, tokens and images are not", () => {
    const multipliers = new Map([["gpt-4o", 2]]);
    const body = { model: gpt, prompt: [prose, [1, 2, 3]] };
    expect(input(body, { path: "/v1/completions", multipliers })).toBe(
      Math.ceil(2 * proseTokens + 3),
    );
    expect(
      input({ model: gpt, prompt: [[1, 2, 3]] }, { path: "/v1/completions", multipliers }),
    ).toBe(3);
  });

  test("a tokenizer counts in place of the estimate, unmultiplied, and its failure is made good", () => {
    const body = { model: "claude-3-opus", prompt: prose };
    const path = "/v1/completions";
    expect(input(body, { path, tokenizer: (text) => text.length })).toBe(prose.length);
    const estimated = input(body, { path });
    expect(Math.abs(input(body, { path, tokenizer: broken }) - estimated)).toBeLessThan(4);
  });

  test("only text alone can teach what text costs", () => {
    const path = "/v1/responses";
    const only = (body: unknown): boolean => estimateRequest(body, { path }).textOnly;
    expect(only({ input: "hi" })).toBe(true);
    expect(only({ input: "hi", previous_response_id: "resp-1" })).toBe(false);
    expect(only({ input: "hi", tools: [{ type: "web_search" }] })).toBe(false);
    expect(only({ input: "hi", tools: [{ type: "function", name: "f" }] })).toBe(true);
    expect(only({ input: [user("hi"), { type: "item_reference", id: "i" }] })).toBe(false);
    expect(only({ input: [user([{ type: "input_file", file_id: "f" }])] })).toBe(false);
    expect(estimateRequest({ input: [1, 2] }, { path: "/v1/embeddings" }).textOnly).toBe(false);
    expect(estimateRequest("hello", { path }).textOnly).toBe(false);
  });

  test("names the stored conversation that a body continues", () => {
    expect(conversationOf({ previous_response_id: "resp-1" })).toBe("resp-1");
    expect(conversationOf({ conversation: "conv-1" })).toBe("conv-1");
    expect(conversationOf({ conversation: { id: "conv-2" } })).toBe("conv-2");
    expect(conversationOf({ prompt: { id: "pmpt-1" } })).toBe("pmpt-1");
    expect(conversationOf({ previous_response_id: null })).toBeUndefined();
  });

  test("tells whether the stream will carry usage", () => {
    expect(asked({ stream: true })).toBe(false);
    expect(asked({ stream: true, stream_options: { include_usage: false } })).toBe(false);
    expect(asked({ stream: true, stream_options: { include_usage: true } })).toBe(true);
    expect(asked({})).toBe(true);
    expect(asked({ stream: true }, "/v1/completions")).toBe(false);
    for (const path of ["/v1/responses", "/v1/messages", "/api/chat"])
      expect(asked({ stream: true }, path)).toBe(true);
  });
});

describe("bodies nobody parsed", () => {
  test("count by their text, their bytes, their declared length, or the configured number", () => {
    expect(input(prose)).toBe(Math.ceil(1.1 * proseTokens));
    expect(input(Buffer.alloc(401))).toBe(101);
    expect(input(new ArrayBuffer(400))).toBe(100);
    expect(input(undefined, { contentLength: 4001 })).toBe(1001);
    expect(input(null, { contentLength: 4000 })).toBe(1000);
    expect(input(undefined, { contentLength: 0 })).toBe(0);
    expect(input(undefined)).toBe(4096);
    expect(input(undefined, { unknownBodyTokens: 9 })).toBe(9);
    expect(input(undefined, { contentLength: Number.NaN })).toBe(4096);
    expect(input({}, { contentLength: 4000 })).toBe(1000);
    expect(input({}, { contentLength: 2 })).toBe(0);
  });

  test("still have the API, the model and the stream of their route", () => {
    const path = "/v1beta/models/gemini-3-pro:streamGenerateContent";
    expect(estimateRequest(undefined, { path, contentLength: 40 })).toMatchObject({
      provider: "gemini",
      api: "generateContent",
      model: "gemini-3-pro",
      stream: true,
      maxOutputToken: undefined,
      textOnly: false,
    });
    expect(estimateRequest(undefined, { path: "/api/chat" }).stream).toBe(true);
    expect(estimateRequest(undefined, { path: "/v1/embeddings" }).maxOutputToken).toBe(0);
  });

  test("a form with a picture is not priced by its bytes", () => {
    const path = "/v1/images/edits";
    expect(input(undefined, { path, contentLength: 8_000_000 })).toBe(4096 + 1500);
  });
});

describe("routes and shapes", () => {
  type Row = readonly [string, Provider, Api, string | undefined, boolean];
  const routes: readonly Row[] = [
    [chat, "openai", "chat", undefined, false],
    ["https://api.example.test/v1/chat/completions?x=1#y", "openai", "chat", undefined, false],
    ["/llm/openai-proxy/v1/completions/", "openai", "completions", undefined, false],
    ["/v1/responses", "openai", "responses", undefined, false],
    ["/v1/embeddings", "openai", "embeddings", undefined, false],
    ["/v1/images/generations", "openai", "images", undefined, false],
    [
      "/openai/deployments/My%20Own/chat/completions?api-version=2",
      "azure",
      "chat",
      "myown",
      false,
    ],
    ["/openai/deployments/d1/embeddings", "azure", "embeddings", "d1", false],
    ["/openai/v1/chat/completions", "azure", "chat", undefined, false],
    ["/openai/v1/responses", "azure", "responses", undefined, false],
    ["/v1/messages", "anthropic", "messages", undefined, false],
    [
      "/v1beta/models/gemini-3-pro:generateContent",
      "gemini",
      "generateContent",
      "gemini-3-pro",
      false,
    ],
    [
      "/v1/projects/p/locations/l/publishers/google/models/gemini-3-pro:streamGenerateContent",
      "gemini",
      "generateContent",
      "gemini-3-pro",
      true,
    ],
    [
      "/v1beta/models/gemini-embedding-001:embedContent",
      "gemini",
      "embeddings",
      "gemini-embedding-001",
      false,
    ],
    [
      "/model/us.anthropic.claude-opus-4-7-v1%3A0/converse",
      "bedrock",
      "converse",
      "us.anthropic.claude-opus-4-7-v1:0",
      false,
    ],
    [
      "/model/anthropic.claude-3-haiku/converse-stream",
      "bedrock",
      "converse",
      "anthropic.claude-3-haiku",
      true,
    ],
    [
      "/model/anthropic.claude-3-haiku/invoke",
      "bedrock",
      "invoke",
      "anthropic.claude-3-haiku",
      false,
    ],
    [
      "/model/anthropic.claude-3-haiku/invoke-with-response-stream",
      "bedrock",
      "invoke",
      "anthropic.claude-3-haiku",
      true,
    ],
    [
      "/model/arn%3Aaws%3Abedrock%3Aeu-west-1%3A1%3Ainference-profile%2Feu.anthropic.claude-3-haiku/converse",
      "bedrock",
      "converse",
      "eu.anthropic.claude-3-haiku",
      false,
    ],
    [
      "/model/arn:aws:bedrock:eu-west-1:1:foundation-model/anthropic.claude-3-haiku/converse",
      "bedrock",
      "converse",
      "anthropic.claude-3-haiku",
      false,
    ],
    ["/api/chat", "ollama", "ollamaChat", undefined, true],
    ["/api/generate", "ollama", "ollamaGenerate", undefined, true],
    ["/api/embed", "ollama", "ollamaEmbed", undefined, false],
    ["/v1/chat/completions-not", "unknown", "unknown", undefined, false],
    ["/model/%E0%A4%A/converse", "bedrock", "converse", "%e0%a4%a", false],
  ];

  test.each(routes)("%s is %s %s of %s", (path, provider, api, model, stream) => {
    expect(estimateRequest(undefined, { path })).toMatchObject({ provider, api, model, stream });
    expect(estimateRequest({}, { path })).toMatchObject({ provider, api, model, stream });
  });

  test("the route decides where the body could be several", () => {
    const body = {
      model: gpt,
      input: ["a", "b"],
      messages: [user("hi")],
      prompt: "x",
      max_tokens: 3,
    };
    const apis = [chat, "/v1/responses", "/v1/embeddings", "/v1/completions", "/v1/messages"];
    expect(apis.map((path) => estimateRequest(body, { path }).api)).toEqual([
      "chat",
      "responses",
      "embeddings",
      "completions",
      "messages",
    ]);
  });

  const shapes: readonly (readonly [Record<string, unknown>, Provider, Api])[] = [
    [{ model: gpt, messages: [user("hi")] }, "openai", "chat"],
    [{ model: "claude-3-opus", max_tokens: 9, messages: [user("hi")] }, "anthropic", "messages"],
    [{ model: "x", system: "s", max_tokens: 9, messages: [user("hi")] }, "anthropic", "messages"],
    [
      { model: "claude-3-opus", max_tokens: 1, max_completion_tokens: 9, messages: [] },
      "openai",
      "chat",
    ],
    [{ anthropic_version: "bedrock-2023-05-31", messages: [user("hi")] }, "bedrock", "invoke"],
    [{ messages: [user([{ text: "hi" }])], inferenceConfig: {} }, "bedrock", "converse"],
    [{ contents: [{ parts: [{ text: "hi" }] }] }, "gemini", "generateContent"],
    [{ model: "llama3", messages: [user("hi")], options: {} }, "ollama", "ollamaChat"],
    [{ model: "llama3", prompt: "hi", keep_alive: 5 }, "ollama", "ollamaGenerate"],
    [{ model: "gpt-3.5-turbo-instruct", prompt: "hi" }, "openai", "completions"],
    [{ model: "gpt-image-1", prompt: "hi" }, "openai", "images"],
    [{ model: gpt, input: "hi" }, "openai", "responses"],
    [{ prompt: { id: "pmpt-1" } }, "openai", "responses"],
    [{ model: "text-embedding-3-small", input: ["hi"] }, "openai", "embeddings"],
    [{ model: "x", input: [[1, 2]] }, "openai", "embeddings"],
    [{ question: "hi" }, "unknown", "unknown"],
  ];

  test.each(shapes)("without a route %j is %s %s", (body, provider, api) => {
    expect(estimateRequest(body)).toMatchObject({ provider, api });
    expect(estimateRequest(body, { path: "/my/own/route" })).toMatchObject({ provider, api });
  });

  test("a body of another format than its route's is read all the same", () => {
    for (const path of [
      chat,
      "/v1/responses",
      "/v1/messages",
      "/api/generate",
      "/model/m/converse",
    ])
      expect(input({ question: prose }, { path })).toBeGreaterThanOrEqual(proseTokens);
  });

  test("an alias stands for its model, whoever spells it, in path and body", () => {
    const models = {
      prod: "gpt-4o",
      "arn:aws:bedrock:eu-west-1:1:application-inference-profile/x1": "claude-opus-4-7",
    };
    const model = (path: string, body: object = {}): string | undefined =>
      estimateRequest(body, { path, models }).model;
    expect(model("/openai/deployments/prod/chat/completions", { model: "claude-3" })).toBe(
      "gpt-4o",
    );
    expect(model("/openai/deployments/PROD/chat/completions")).toBe("gpt-4o");
    expect(model(chat, { model: "prod" })).toBe("gpt-4o");
    expect(
      model(
        "/model/arn%3Aaws%3Abedrock%3Aeu-west-1%3A1%3Aapplication-inference-profile%2Fx1/converse",
      ),
    ).toBe("claude-opus-4-7");
    expect(model(chat, { model: "constructor" })).toBe("constructor");
  });

  test("endpoints that only count generate nothing", () => {
    for (const path of [
      "/v1/messages/count_tokens",
      "/v1/responses/input_tokens",
      "/v1beta/models/gemini-3-pro:countTokens",
    ])
      expect(estimateRequest({ max_tokens: 9, stream: true }, { path })).toMatchObject({
        generates: false,
        maxOutputToken: 0,
        stream: false,
      });
  });
});
