/** The way to the model: a call goes there as it came, and what it cost is read from what returns. */
import { PassThrough, pipeline, Readable } from "node:stream";

import { isObject, parseObject } from "./json.ts";
import { startStandInLlm } from "./stand-in-llm.ts";

/** Where a model is, and the key it asks for. */
export interface ModelAddress {
  readonly url: string;
  readonly key: string;
}

export interface Model extends ModelAddress {
  readonly close: () => Promise<void>;
}

/** The given model, or the one of `OPENAI_BASE_URL` and `OPENAI_API_KEY`, or else a stand-in. */
export async function openModel(given?: ModelAddress): Promise<Model> {
  const { OPENAI_BASE_URL: url, OPENAI_API_KEY: key = "" } = process.env;
  const address = given ?? (url === undefined ? undefined : { url, key });
  if (address !== undefined) return { ...address, close: async () => undefined };
  return { ...(await startStandInLlm()), key: "none" };
}

/** What to send to the client. */
export interface Answer {
  readonly status: number;
  readonly type: string;
  readonly body: Readable;
}

type Settle = (cost: { readonly token: number }) => Promise<void>;

/**
 * Calls the model and settles what the call really cost: before the last byte is sent, so that who
 * has the answer finds it booked. Where no usage was reported, nothing is settled and the call
 * costs what was held for it.
 */
export async function callModel(model: Model, call: unknown, settle: Settle): Promise<Answer> {
  const controller = new AbortController();
  const response = await fetch(`${model.url}/chat/completions`, {
    method: "POST",
    headers: { "Content-Type": "application/json", Authorization: `Bearer ${model.key}` },
    body: JSON.stringify(askingForUsage(call)),
    signal: controller.signal,
  });
  const { status, ok, headers, body } = response;
  const type = headers.get("content-type") ?? "application/json";
  if (body !== null && type.startsWith("text/event-stream")) {
    const events = new PassThrough();
    // A client that goes away takes the model's stream with it.
    events.once("close", () => controller.abort());
    pipeline(relay(body, wantsUsage(call), settle), events, () => undefined);
    return { status, type, body: events };
  }
  const text = await response.text();
  // A model that answers with an error has not worked.
  const token = ok ? tokensIn(text) : 0;
  if (token !== undefined) await settle({ token });
  return { status, type, body: Readable.from([text]) };
}

/** Passes a stream's events on as they come. */
async function* relay(
  stream: AsyncIterable<Uint8Array>,
  usageWanted: boolean,
  settle: Settle,
): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let rest = "";
  let token: number | undefined;
  for await (const bytes of stream) {
    const events = (rest + decoder.decode(bytes, { stream: true })).split("\n\n");
    rest = events.pop() ?? "";
    for (const event of events) {
      const chunk = event.replace(/^data: /, "");
      const total = tokensIn(chunk);
      // Some models report running totals, so the last one counts.
      token = total ?? token;
      if (chunk === "[DONE]" && token !== undefined) await settle({ token });
      if (total === undefined || usageWanted || !hasNoChoices(chunk)) yield `${event}\n\n`;
    }
  }
  if (token !== undefined) await settle({ token });
  yield rest;
}

/** The tokens that a response, or a chunk of a stream, says were used. */
function tokensIn(json: string): number | undefined {
  const usage = parseObject(json)?.["usage"];
  if (!isObject(usage)) return undefined;
  const { prompt_tokens: asked, completion_tokens: said } = usage;
  return typeof asked === "number" && typeof said === "number" ? asked + said : undefined;
}

/** Streams tell their usage only when asked to, in a last chunk without choices. */
function askingForUsage(call: unknown): unknown {
  if (!isObject(call) || call["stream"] !== true) return call;
  return { ...call, stream_options: { ...optionsOf(call), include_usage: true } };
}

// Many clients stumble over a chunk without choices, so only those who asked for it get it.
const wantsUsage = (call: unknown): boolean => optionsOf(call)["include_usage"] === true;

const hasNoChoices = (json: string): boolean => {
  const choices = parseObject(json)?.["choices"];
  return Array.isArray(choices) && choices.length === 0;
};

function optionsOf(call: unknown): Record<string, unknown> {
  const options = isObject(call) ? call["stream_options"] : undefined;
  return isObject(options) ? options : {};
}
