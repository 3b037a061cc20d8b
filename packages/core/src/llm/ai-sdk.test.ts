import { getEventListeners } from "node:events";

import { describe, expect, test } from "@jest/globals";

import { isRateLimitError } from "../errors.ts";
import { type AiSdkParams, CHAT_PATH, chatBodyOf } from "./ai-sdk-request.ts";
import { aiSdkMiddleware, type AiSdkOptions } from "./ai-sdk.ts";
import {
  booked,
  characters,
  ESTIMATED,
  GUESSED,
  type MeterStage,
  meterStage,
  turns,
} from "./in-process.test-support.ts";
import { png } from "./media/pictures.test-support.ts";
import { LlmMeter } from "./meter.ts";
import type { RequestEstimate } from "./request/estimate-request.ts";

const meter = new LlmMeter({ tokenizer: characters });

const estimate = (params: AiSdkParams, model: string = "gpt-4o", stream = false): RequestEstimate =>
  meter.estimate(chatBodyOf(params, model, stream), { path: CHAT_PATH });

const said = (text: string): object => ({ role: "user", content: [{ type: "text", text }] });
// Beside some text, since a call without any is looked through for it.
const inputOf = (...prompt: readonly object[]): number =>
  estimate({ prompt: [said("Look."), ...prompt] }).inputToken;

const prompt = [said("Say hello to them.")];

describe("a call of the AI SDK is estimated", () => {
  test("like the same call in OpenAI's own format", () => {
    const tool = { name: "look", description: "Looks it up." };
    const schema = { type: "object", properties: { where: { type: "string" } } };
    const params = {
      prompt: [
        { role: "system", content: "Be brief." },
        said("Where is it?"),
        {
          role: "assistant",
          content: [
            { type: "reasoning", text: "Let me see." },
            { type: "tool-call", toolCallId: "1", toolName: "look", input: { where: "here" } },
          ],
        },
        {
          role: "tool",
          content: [
            {
              type: "tool-result",
              toolCallId: "1",
              toolName: "look",
              output: { type: "text", value: "Not here." },
            },
          ],
        },
      ],
      maxOutputTokens: 50,
      tools: [{ type: "function", ...tool, inputSchema: schema }],
      responseFormat: { type: "json", schema },
    };
    const body = {
      model: "gpt-4o",
      messages: [
        { role: "system", content: "Be brief." },
        { role: "user", content: "Where is it?" },
        {
          role: "assistant",
          content: "Let me see.",
          tool_calls: [{ function: { name: "look", arguments: { where: "here" } } }],
        },
        { role: "tool", content: "Not here." },
      ],
      max_completion_tokens: 50,
      tools: [{ type: "function", function: { ...tool, parameters: schema } }],
      response_format: { type: "json_schema", json_schema: { schema } },
    };
    expect(estimate(params)).toEqual(meter.estimate(body, { path: CHAT_PATH }));
    expect(estimate(params)).toMatchObject({ maxOutputToken: 50, model: "gpt-4o", textOnly: true });
    expect(estimate(params, "gpt-4o", true)).toMatchObject({ stream: true, usageRequested: true });
  });

  test.each([
    ["text", { type: "text", value: "12345678" }, 8],
    ["JSON", { type: "json", value: { a: [1, 2] } }, 11],
    ["an error", { type: "error-text", value: "12345678" }, 8],
    ["an error as JSON", { type: "error-json", value: "12345678" }, 8],
    ["a denial", { type: "execution-denied", reason: "12345678" }, 8],
    ["nothing", { type: "execution-denied" }, 0],
    ["parts", { type: "content", value: [{ type: "text", text: "12345678" }] }, 8],
  ])("with the results of tools: %s", (_, output, tokens) => {
    const result = { type: "tool-result", toolCallId: "1", toolName: "look", output };
    const empty = inputOf({ role: "tool", content: [] });
    expect(inputOf({ role: "tool", content: [result] })).toBe(empty + tokens);
  });

  test("D-LLM-13 with its pictures by their size, in all the ways they are given", () => {
    const bytes = png({ width: 1024, height: 1024 });
    const base64 = Buffer.from(bytes).toString("base64");
    const empty = inputOf(said(""));
    const file = (data: unknown, mediaType: string = "image/png"): number =>
      inputOf({ role: "user", content: [{ type: "file", mediaType, data }] }) - empty;
    // 85 and four tiles of 170, by the rule of the model.
    const tokens = [
      file(bytes),
      file(base64),
      file({ type: "data", data: bytes }),
      file({ type: "data", data: base64 }, "image"),
      file(`data:image/png;base64,${base64}`, "image/*"),
    ];
    expect(tokens).toEqual(tokens.map(() => 765));
    const remote = [
      file(new URL("https://127.0.0.1/a.png")),
      file({ type: "url", url: new URL("https://127.0.0.1/a.png") }),
      file({ type: "reference", reference: { openai: "file-1" } }),
    ];
    expect(new Set(remote).size).toBe(1);
    expect(remote[0]).toBeGreaterThan(0);
  });

  test("with other files as what they are", () => {
    const empty = inputOf(said(""));
    const file = (data: unknown, mediaType: string): number =>
      inputOf({ role: "user", content: [{ type: "file", mediaType, data }] }) - empty;
    expect(file({ type: "text", text: "12345678" }, "text/plain")).toBe(8);
    expect(file("12345678", "text/plain")).toBe(8);
    expect(file(new Uint8Array(9), "application/pdf")).toBeGreaterThan(100);
    expect(file(new Uint8Array(9), "audio/wav")).toBeGreaterThan(0);
  });

  test("whatever it holds, without failing", () => {
    for (const params of [
      { prompt: [] },
      { prompt: [{}, { role: "user" }, { role: "user", content: [{}] }] },
      { prompt: [{ content: [{ type: "tool-result" }, { type: "file" }, { type: "custom" }] }] },
      { prompt, tools: [{}, { type: "provider", name: "search", id: "openai.search", args: {} }] },
    ]) {
      expect(estimate(params).inputToken).toBeGreaterThanOrEqual(0);
    }
  });
});

const flat = { inputTokens: 7, outputTokens: 3, totalTokens: 10, cachedInputTokens: 4 };
const nested = {
  inputTokens: { total: 7, noCache: 3, cacheRead: 4, cacheWrite: undefined },
  outputTokens: { total: 3, text: 2, reasoning: 1 },
};
const missing = {
  inputTokens: { total: undefined, noCache: undefined },
  outputTokens: { total: undefined },
  raw: { inputTokens: 99, outputTokens: 99 },
};
const content = [
  { type: "reasoning", text: "Well." },
  { type: "text", text: "Hi." },
  { type: "tool-call", toolCallId: "1", toolName: "look", input: '{"a":1}' },
  { type: "source", sourceType: "url", title: "not written by the model" },
];

interface FakeModel {
  readonly modelId: string;
  readonly sent: AiSdkParams[];
  readonly doGenerate: (params: AiSdkParams) => Promise<{ readonly content: readonly object[] }>;
  readonly doStream: (params: AiSdkParams) => Promise<{ readonly stream: ReadableStream }>;
}

function modelOf(usage: unknown, parts: readonly unknown[] = [], onCancel?: () => void): FakeModel {
  const sent: AiSdkParams[] = [];
  return {
    modelId: "gpt-4o",
    sent,
    doGenerate: async (params) => {
      sent.push(params);
      return { content, usage, response: { modelId: "gpt-4o-2024" } };
    },
    doStream: async (params) => {
      sent.push(params);
      const rest = [...parts];
      const stream = new ReadableStream({
        pull: async (controller) => {
          const part = rest.shift();
          if (part === "stuck") await new Promise(() => undefined);
          if (part === undefined) controller.close();
          else if (part instanceof Error) controller.error(part);
          else controller.enqueue(part);
        },
        ...(onCancel === undefined ? {} : { cancel: onCancel }),
      });
      return { stream, request: { body: "kept" } };
    },
  };
}

const wrap = ({ limiter, options }: MeterStage, own: Partial<AiSdkOptions> = {}) =>
  aiSdkMiddleware(limiter, { subject: "alice", ...options, ...own });

describe("wrapGenerate", () => {
  test.each([
    ["of version 2", flat],
    ["of later versions", nested],
  ])("settles by usage %s", async (_, usage) => {
    const stage = meterStage();
    const model = modelOf(usage);
    const params = { prompt, maxOutputTokens: 50, temperature: 0 };
    const answer = await wrap(stage).wrapGenerate({ params, model });
    expect(answer).toEqual({ content, usage, response: { modelId: "gpt-4o-2024" } });
    expect(model.sent).toEqual([params]);
    expect(model.sent[0]).toBe(params);
    expect(stage.settled).toEqual([booked(7, 3, "measured")]);
    expect(stage.told[0]?.usage).toMatchObject({ cachedRead: 4 });
  });

  test.each([
    ["not reported", missing],
    ["left out", undefined],
  ])("counts what was written where usage is %s", async (_, usage) => {
    const stage = meterStage();
    await wrap(stage).wrapGenerate({ params: { prompt }, model: modelOf(usage) });
    expect(stage.settled).toEqual([booked(ESTIMATED, "Well.Hi.".length + 7, "counted")]);
  });

  test("settles an answer that came although its signal was aborted", async () => {
    const stage = meterStage();
    const params = { prompt, abortSignal: AbortSignal.abort() };
    await wrap(stage).wrapGenerate({ params, model: modelOf(flat) });
    expect(stage.settled).toEqual([booked(7, 3, "measured")]);
  });

  test("asks who calls, before anything is held", async () => {
    const stage = meterStage();
    const asked: AiSdkParams[] = [];
    const { wrapGenerate } = wrap(stage, {
      subject: async (params) => {
        asked.push(params);
        if (params.providerOptions === undefined) throw new Error("nobody");
        return "alice";
      },
    });
    const model = modelOf(flat);
    await expect(wrapGenerate({ params: { prompt }, model })).rejects.toThrow("nobody");
    expect([model.sent, await stage.used()]).toEqual([[], expect.objectContaining({ count: 0 })]);
    await wrapGenerate({ params: { prompt, providerOptions: { tollgate: { a: 1 } } }, model });
    expect(asked).toHaveLength(2);
    expect(await stage.used()).toEqual({ count: 1, inputToken: 7, outputToken: 3 });
  });

  test("refuses, and asks the model for less where it may", async () => {
    const stage = meterStage({ limits: [{ type: "outputToken", window: "hour", limit: 40 }] });
    const params = { prompt, maxOutputTokens: 50 };
    const model = modelOf(flat);
    const call = wrap(stage, { policy: { hard: true } }).wrapGenerate({ params, model });
    expect(isRateLimitError(await call.catch((error: unknown) => error))).toBe(true);
    expect(model.sent).toEqual([]);
    const policy = { hard: true, partialGrant: { minOutputTokens: 5 } };
    await wrap(stage, { policy }).wrapGenerate({ params, model });
    expect(model.sent).toEqual([{ ...params, maxOutputTokens: 40 }]);
  });

  test("passes the error of a model on, and settles by it", async () => {
    const stage = meterStage();
    const error = Object.assign(new Error("no"), { statusCode: 400 });
    const model = { ...modelOf(flat), doGenerate: async () => Promise.reject(error) };
    const call = wrap(stage).wrapGenerate({ params: { prompt }, model });
    await expect(call).rejects.toBe(error);
    expect(stage.settled).toEqual([booked(0, 0, "none")]);
  });
});

const begun = [
  { type: "stream-start", warnings: [{ type: "other", message: "not written by the model" }] },
  { type: "response-metadata", id: "1", modelId: "gpt-4o-2024" },
  { type: "text-start", id: "1" },
  { type: "text-delta", id: "1", delta: "Hello " },
] as const;
const written = [
  { type: "raw", rawValue: { choices: [{ delta: { content: "a repetition" } }] } },
  { type: "text-delta", id: "1", delta: "there." },
  { type: "text-end", id: "1" },
  { type: "reasoning-delta", id: "2", delta: "Well." },
  { type: "tool-input-delta", id: "3", delta: '{"a":1}' },
  { type: "tool-call", toolCallId: "3", toolName: "look", input: '{"a":1}' },
] as const;
const end = (usage: unknown): object => ({ type: "finish", finishReason: "stop", usage });

async function read(
  middleware: ReturnType<typeof wrap>,
  model: FakeModel,
  abortSignal?: AbortSignal,
): Promise<unknown[]> {
  const { stream } = await middleware.wrapStream({ params: { prompt, abortSignal }, model });
  const parts = [];
  for await (const part of stream) parts.push(part);
  return parts;
}

describe("wrapStream", () => {
  test.each([
    ["of version 2", flat],
    ["of later versions", nested],
  ])("settles by the last part, with usage %s", async (_, usage) => {
    const stage = meterStage();
    const parts = [...begun, ...written, end(usage)];
    const answer = await wrap(stage).wrapStream({
      params: { prompt },
      model: modelOf(undefined, parts),
    });
    expect(answer).toMatchObject({ request: { body: "kept" } });
    expect(stage.settled).toEqual([]);
    const reader = answer.stream.getReader();
    for (const part of parts) expect(await reader.read()).toEqual({ done: false, value: part });
    expect(stage.settled).toEqual([]);
    await reader.read();
    expect(stage.settled).toEqual([booked(7, 3, "measured")]);
  });

  test.each([
    ["without usage", [...begun, ...written, end(missing)]],
    ["without an end", [...begun, ...written]],
  ])("counts what was written in a stream %s, once", async (_, parts) => {
    const stage = meterStage();
    expect(await read(wrap(stage), modelOf(undefined, parts))).toEqual(parts);
    expect(stage.settled).toEqual([booked(ESTIMATED, 12 + 5 + 7, "counted")]);
  });

  test("costs what the policy says when a part tells of an error", async () => {
    for (const [onFailure, cost] of [
      ["emitted", booked(ESTIMATED, 6, "counted")],
      ["refund", booked(0, 0, "none")],
      ["reserved", booked(ESTIMATED, GUESSED, "estimated")],
    ] as const) {
      const stage = meterStage();
      const error = { type: "error", error: new Error("overloaded") };
      const middleware = wrap(stage, { policy: { onFailure } });
      await read(middleware, modelOf(undefined, [...begun, error, end(missing)]));
      expect(stage.settled).toEqual([cost]);
    }
  });

  test("passes the error of a stream on, and costs what was written", async () => {
    const stage = meterStage();
    const error = new Error("terminated");
    await expect(read(wrap(stage), modelOf(undefined, [...begun, error]))).rejects.toBe(error);
    expect(stage.settled).toEqual([booked(ESTIMATED, 6, "counted")]);
  });

  test("D-STR-08 is settled when its signal says so, even if the model does not listen", async () => {
    for (const [onAbort, cost] of [
      ["emitted", booked(ESTIMATED, 6, "counted")],
      ["refund", booked(0, 0, "none")],
    ] as const) {
      const stage = meterStage();
      const controller = new AbortController();
      void read(
        wrap(stage, { policy: { onAbort } }),
        modelOf(undefined, [...begun, "stuck"]),
        controller.signal,
      );
      await turns();
      expect(stage.settled).toEqual([]);
      controller.abort();
      expect(stage.settled).toEqual([cost]);
    }
  });

  test("leaves no listener behind on a signal that lives on", async () => {
    const stage = meterStage();
    const { signal } = new AbortController();
    const model = modelOf(undefined, [...begun, end(flat)]);
    for (let call = 0; call < 3; call += 1) await read(wrap(stage), model, signal);
    expect(stage.settled).toHaveLength(3);
    expect(getEventListeners(signal, "abort")).toEqual([]);
  });

  test("D-STR-01 costs what was written when its reader cancels, and the model is told", async () => {
    const stage = meterStage();
    let cancelled = 0;
    const model = modelOf(undefined, [...begun, "stuck"], () => {
      cancelled += 1;
    });
    const { stream } = await wrap(stage).wrapStream({ params: { prompt }, model });
    const reader = stream.getReader();
    for (const part of begun) expect(await reader.read()).toMatchObject({ value: part });
    await reader.cancel();
    expect(cancelled).toBe(1);
    expect(stage.settled).toEqual([booked(ESTIMATED, 6, "counted")]);
  });
});
