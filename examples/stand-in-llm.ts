/**
 * A model for those who have none at hand: it speaks OpenAI's `POST /v1/chat/completions`, plain and
 * streamed, and counts four characters as a token. The same question always gets the same answer.
 *
 *     pnpm example examples/stand-in-llm.ts
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import { Readable } from "node:stream";
import { text } from "node:stream/consumers";
import { setTimeout as delay } from "node:timers/promises";

import { isObject, parseObject } from "./json.ts";
import { type Listening, listen, runIfMain } from "./serve.ts";

/** How long the model thinks between two chunks of a stream. */
const CHUNK_DELAY_MS = 5;
const CHUNK_CHARACTERS = 12;

const tokensOf = (content: string): number => Math.ceil(content.length / 4);

/** An answer in full, before it is sent in one piece or in many. */
interface Completion {
  readonly head: { readonly id: string; readonly created: number; readonly model: string };
  readonly content: string;
  readonly finishReason: "stop" | "length";
  readonly usage: {
    readonly prompt_tokens: number;
    readonly completion_tokens: number;
    readonly total_tokens: number;
  };
}

/** Starts the model; `url` is what `OPENAI_BASE_URL` would be. */
export const startStandInLlm = async (port = 0): Promise<Listening> => listen(answer, port);

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { method = "", url = "" } = request;
  if (method !== "POST" || url !== "/v1/chat/completions") {
    sendError(response, 404, `Unknown request URL: ${method} ${url}.`, "unknown_url");
    return;
  }
  const body = parseObject(await text(request));
  if (body === undefined) {
    sendError(response, 400, "We could not parse the JSON body of your request.");
    return;
  }
  const { messages, stream, stream_options: options } = body;
  if (!Array.isArray(messages) || messages.length === 0) {
    sendError(response, 400, "Missing required parameter: 'messages'.");
    return;
  }
  const completion = complete(body, messages);
  if (stream !== true) {
    sendJson(response, 200, completionObject(completion));
    return;
  }
  const withUsage = isObject(options) && options["include_usage"] === true;
  response.writeHead(200, { "Content-Type": "text/event-stream; charset=utf-8" });
  Readable.from(events(completion, withUsage)).pipe(response);
}

function complete(body: Record<string, unknown>, messages: readonly unknown[]): Completion {
  const contents = messages.map((message) => {
    const content = isObject(message) ? message["content"] : undefined;
    return typeof content === "string" ? content : JSON.stringify(content ?? "");
  });
  const question = contents.at(-1) ?? "";
  const whole =
    `You asked: "${question.slice(0, 120)}". That is a good question, and people have answered it ` +
    "in many ways. This one is made up, but it has the length of a real answer, and its tokens " +
    "count like real ones.";
  const { max_completion_tokens: cap = body["max_tokens"], model } = body;
  const content = typeof cap === "number" ? whole.slice(0, cap * 4) : whole;
  // A message costs about three tokens beside its text.
  const asked = contents.reduce((sum, part) => sum + tokensOf(part) + 3, 0);
  const said = tokensOf(content);
  return {
    head: {
      id: `chatcmpl-${String(asked)}-${String(said)}`,
      created: 1_767_225_600,
      model: typeof model === "string" ? model : "stand-in",
    },
    content,
    finishReason: content.length < whole.length ? "length" : "stop",
    usage: { prompt_tokens: asked, completion_tokens: said, total_tokens: asked + said },
  };
}

const completionObject = ({ head, content, finishReason, usage }: Completion): object => ({
  ...head,
  object: "chat.completion",
  choices: [
    {
      index: 0,
      message: { role: "assistant", content, refusal: null },
      logprobs: null,
      finish_reason: finishReason,
    },
  ],
  usage,
});

const choice = (delta: object, reason: string | null = null): object => ({
  index: 0,
  delta,
  logprobs: null,
  finish_reason: reason,
});

/** One chunk after the other, the usage in one of its own when it was asked for. */
async function* events(completion: Completion, withUsage: boolean): AsyncGenerator<string> {
  const { head, content, finishReason, usage } = completion;
  const event = (choices: readonly object[], total: object | null = null): string => {
    const chunk = { ...head, object: "chat.completion.chunk", choices };
    return `data: ${JSON.stringify(withUsage ? { ...chunk, usage: total } : chunk)}\n\n`;
  };
  yield event([choice({ role: "assistant", content: "" })]);
  for (let at = 0; at < content.length; at += CHUNK_CHARACTERS) {
    await delay(CHUNK_DELAY_MS);
    yield event([choice({ content: content.slice(at, at + CHUNK_CHARACTERS) })]);
  }
  yield event([choice({}, finishReason)]);
  if (withUsage) yield event([], usage);
  yield "data: [DONE]\n\n";
}

function sendJson(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { "Content-Type": "application/json" }).end(JSON.stringify(body));
}

function sendError(
  response: ServerResponse,
  status: number,
  message: string,
  code: string | null = null,
): void {
  const error = { message, type: "invalid_request_error", param: null, code };
  sendJson(response, status, { error });
}

void runIfMain(import.meta.url, 4000, startStandInLlm);
