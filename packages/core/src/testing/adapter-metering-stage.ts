import assert from "node:assert/strict";
import type { IncomingMessage, ServerResponse } from "node:http";

import type { Cost } from "../cost.ts";
import type { SettlementEvent } from "../events.ts";
import type { LlmOptions } from "../llm/meter.ts";
import type { UsageSource } from "../llm/tokens.ts";
import type { Answer, AnyOptions, Call, Handler, Route } from "./adapter-app.ts";
import type { Incoming, Sent } from "./adapter-client.ts";
import type { Provider, Script } from "./adapter-metering-provider.ts";
import { byHeader, type Desk, desk, perMinute } from "./adapter-stage.ts";

/** An API's way to send an answer. */
export interface Framing {
  readonly name: "JSON" | "SSE" | "NDJSON";
  readonly path: string;
  readonly contentType: string;
  /** With an output cap of 50. */
  readonly body: Readonly<Record<string, unknown>>;
  /** An answer that reports 21 tokens read and 7 written, as its provider cuts it. */
  readonly parts: readonly string[];
  /** The same answer of a provider that reports nothing. */
  readonly bare: readonly string[];
  /** What passes between the parts and means nothing. */
  readonly padding: string;
  /** The body of the provider's status 500. */
  readonly failure: string;
}

/** Of every answer of {@link framings}. */
export const reported: { readonly input: number; readonly output: number } = {
  input: 21,
  output: 7,
};

/** Parts of an answer that have passed when it is cut. */
export const CUT_AFTER = 2;

const question = { role: "user", content: "Say hello to the whole wide world, please." };

const openAiUsage = {
  prompt_tokens: reported.input,
  completion_tokens: reported.output,
  total_tokens: reported.input + reported.output,
};

const head = { id: "chatcmpl-1", created: 1_790_000_000, model: "gpt-4o" };

const wholeAnswer = (usage: object): readonly string[] => {
  const text = JSON.stringify({
    ...head,
    object: "chat.completion",
    choices: [
      {
        index: 0,
        message: { role: "assistant", content: "Hello, whole wide world!" },
        finish_reason: "stop",
      },
    ],
    ...usage,
  });
  const middle = text.indexOf(" world!");
  return [text.slice(0, 40), text.slice(40, middle), text.slice(middle)];
};

const chunk = (choices: readonly object[], usage: object = {}): string =>
  `data: ${JSON.stringify({ ...head, object: "chat.completion.chunk", choices, ...usage })}\n\n`;

const delta = (content: string): string => chunk([{ index: 0, delta: { content } }]);

const stop = chunk([{ index: 0, delta: {}, finish_reason: "stop" }]);

/** The chunk that tells the usage of a stream, to who asked for it. */
export const usageChunk: string = chunk([], { usage: openAiUsage });

const deltas = [delta("Hello,"), delta(" whole wide"), delta(" world!")];

const line = (content: string, rest: object = { done: false }): string =>
  `${JSON.stringify({ model: "llama3.2", message: { role: "assistant", content }, ...rest })}\n`;

const lines = [line("Hello,"), line(" whole wide"), line(" world!")];

const chat = { model: "gpt-4o", messages: [question], max_tokens: 50 };

/** OpenAI's chat completions, whole and streamed, and Ollama's stream. */
export const framings: Readonly<Record<Framing["name"], Framing>> = {
  JSON: {
    name: "JSON",
    path: "/v1/chat/completions",
    contentType: "application/json",
    body: chat,
    parts: wholeAnswer({ usage: openAiUsage }),
    bare: wholeAnswer({}),
    padding: " ",
    failure: JSON.stringify({
      error: { message: "The server had an error", type: "server_error" },
    }),
  },
  SSE: {
    name: "SSE",
    path: "/v1/chat/completions",
    contentType: "text/event-stream",
    body: { ...chat, stream: true, stream_options: { include_usage: true } },
    parts: [...deltas, stop, usageChunk, "data: [DONE]\n\n"],
    bare: [...deltas, stop, "data: [DONE]\n\n"],
    padding: `: ${"wait".repeat(15)}\n\n`,
    failure: JSON.stringify({
      error: { message: "The server had an error", type: "server_error" },
    }),
  },
  NDJSON: {
    name: "NDJSON",
    path: "/api/chat",
    contentType: "application/x-ndjson",
    body: { model: "llama3.2", messages: [question], options: { num_predict: 50 } },
    parts: [
      ...lines,
      line("", {
        done: true,
        done_reason: "stop",
        prompt_eval_count: reported.input,
        eval_count: reported.output,
      }),
    ],
    // Ollama tells its counts with the end; a proxy that leaves them out leaves that out too.
    bare: lines,
    padding: `${" ".repeat(63)}\n`,
    failure: JSON.stringify({ error: "llama runner process has terminated" }),
  },
};

/** A tokenizer whose counts can be seen. */
export const words = (text: string): number => text.split(/\s+/).filter(Boolean).length;

/** Limits on requests and on all kinds of tokens, with room for everything. */
export const meteredDesk = (llm: LlmOptions = {}, tokens: number = 100_000): Desk =>
  desk(
    [
      perMinute(100),
      { type: "token", window: "hour", limit: tokens, name: "tokens" },
      { type: "inputToken", window: "hour", limit: tokens, name: "input" },
      { type: "outputToken", window: "hour", limit: tokens, name: "output" },
    ],
    { llm },
  );

/** Options without a word about tokens. */
export const metered = ({ limiter }: Desk): AnyOptions => ({ limiter, identify: byHeader });

/** A question in this framing. */
export const asking = (
  { path, body }: Pick<Framing, "path" | "body">,
  headers: Readonly<Record<string, string>> = {},
): Sent => ({
  method: "POST",
  path,
  headers: { "content-type": "application/json", ...headers },
  body: JSON.stringify(body),
});

/** What the limiter thinks a question has. */
export const estimateOf = (
  { limiter }: Desk,
  { path, body }: Pick<Framing, "path" | "body">,
): number => limiter.llm.estimate(body, { path }).inputToken;

/** The provider's answer, passed on as it comes. */
export const answerOf = (
  upstream: IncomingMessage,
): Extract<Answer, { readonly chunks: unknown }> => ({
  chunks: passedOn(upstream),
  status: upstream.statusCode ?? 502,
  headers: { "Content-Type": upstream.headers["content-type"] ?? "text/plain" },
});

async function* passedOn(upstream: IncomingMessage): AsyncGenerator<Uint8Array> {
  for await (const part of upstream) yield part;
}

/** A handler that has its answer from a provider; `body` may change what is asked there. */
export const relay =
  (provider: Provider, bodyFor: (call: Call) => unknown = ({ body }) => body ?? {}): Handler =>
  async (call) => {
    try {
      return answerOf(await provider.ask(bodyFor(call), call.outgoing));
    } catch (error) {
      // Not thrown: Express 4 would drop it, and not answer.
      return { error: error instanceof Error ? error : new Error("unknown") };
    }
  };

/** Answers 200 with these parts, each of them sent before the next. */
export const answering =
  (contentType: string, parts: readonly string[]): Script =>
  async (to) => {
    to.setHeader("Content-Type", contentType);
    await sendParts(to, parts);
    to.end();
  };

/** Sends parts one by one, so that they arrive as they were cut as far as a network allows it. */
export async function sendParts(to: ServerResponse, parts: readonly string[]): Promise<void> {
  for (const part of parts) {
    await new Promise<void>((resolve) => {
      to.write(part, () => {
        resolve();
      });
    });
  }
}

/** Reads on until all of `expected` has come, and checks it. */
export async function readThrough({ read }: Incoming, expected: string): Promise<void> {
  let text = "";
  while (text.length < expected.length) {
    const next = await read();
    assert.ok(next !== undefined, `the answer ended after ${text}`);
    text += next;
  }
  assert.equal(text, expected);
}

/** Reads to the end. */
export async function readAll({ read }: Incoming): Promise<string> {
  const parts: string[] = [];
  for (let part = await read(); part !== undefined; part = await read()) parts.push(part);
  return parts.join("");
}

/** What a call is to be charged. */
export interface Charge {
  readonly input: number;
  readonly output: number;
  readonly source: UsageSource;
}

/** The one settlement of a desk whose work is done. */
export async function theSettlement(all: Desk): Promise<SettlementEvent> {
  const event = await all.told("settled");
  assert.ok(event.type === "settled");
  const ends = all.events.filter(({ type }) => type === "settled" || type === "released");
  assert.equal(ends.length, 1, "settled more than once");
  return event;
}

/** Asserts one settlement with this charge, the same usage, and that nothing is held any more. */
export async function assertCharged(
  all: Desk,
  { input, output, source }: Charge,
  caller: string = "alice",
): Promise<void> {
  const { cost, source: told } = await theSettlement(all);
  const tokens = { token: input + output, inputToken: input, outputToken: output };
  assert.deepEqual({ ...cost, source: told }, { count: 1, ...tokens, source });
  assert.equal(all.store.stats().openReservations, 0);
  const usages = await all.limiter.usage(caller);
  assert.deepEqual(
    usages.map(({ type, current, held }) => [type, current, held]),
    Object.entries({ count: 1, ...tokens }).map(([type, current]) => [type, current, 0]),
  );
}

/** What a charge is in the types of {@link meteredDesk}. */
export const amounts = ({ input, output }: Pick<Charge, "input" | "output">): Cost => ({
  token: input + output,
  inputToken: input,
  outputToken: output,
});

/** The answer of the stage, which reports 21 and 7 tokens. */
export const reportingAnswer: unknown = JSON.parse(framings.JSON.parts.join(""));

/** Given by a handler. */
export const answered: Answer = { json: reportingAnswer };

/** The route of a question in JSON. */
export const posted = (handler: Handler, rest: Partial<Route> = {}): Route => ({
  method: "POST",
  path: framings.JSON.path,
  handler,
  ...rest,
});
