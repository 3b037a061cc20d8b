/**
 * A provider on the loopback interface that speaks the formats of OpenAI and Anthropic. The name of
 * the model says what becomes of a call: `plain`, `silent` (no usage), `stuck` (a stream that stops
 * before its end and stays open), `broken` (one whose connection is lost), or `status-<n>`.
 */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { json } from "node:stream/consumers";

/** What every answer says, in two pieces. */
export const PIECES = ["Hello ", "there."] as const;
/** What it costs, except where the model is `silent`. */
export const INPUT = 7;
export const OUTPUT = 3;

/** A running provider. */
export interface StandIn {
  readonly url: string;
  /** The bodies of the requests it had. */
  readonly requests: Record<string, unknown>[];
  /** How many answers were given up by their readers. */
  readonly gone: () => number;
  readonly close: () => Promise<void>;
}

type Body = Record<string, unknown>;

/** An answer in both forms that its API has. */
interface Format {
  readonly whole: (usage: boolean) => object;
  readonly events: (usage: boolean) => readonly string[];
}

const data = (event: object): string => `data: ${JSON.stringify(event)}\n\n`;
const named = (event: { readonly type: string }): string => `event: ${event.type}\n${data(event)}`;
const text = PIECES.join("");

const chatUsage = { prompt_tokens: INPUT, completion_tokens: OUTPUT, total_tokens: INPUT + OUTPUT };
const chatHead = { id: "chatcmpl-1", created: 1, model: "plain" };
const chatChunk = (delta: object, reason: string | null = null): string =>
  data({
    ...chatHead,
    object: "chat.completion.chunk",
    choices: [{ index: 0, delta, finish_reason: reason }],
  });
const chat: Format = {
  whole: (usage) => ({
    ...chatHead,
    object: "chat.completion",
    choices: [{ index: 0, message: { role: "assistant", content: text }, finish_reason: "stop" }],
    ...(usage ? { usage: chatUsage } : {}),
  }),
  events: (usage) => [
    ...PIECES.map((content) => chatChunk({ role: "assistant", content })),
    chatChunk({}, "stop"),
    ...(usage
      ? [data({ ...chatHead, object: "chat.completion.chunk", choices: [], usage: chatUsage })]
      : []),
    "data: [DONE]\n\n",
  ],
};

const responseOf = (usage: boolean, status: string): object => ({
  id: "resp_1",
  object: "response",
  created_at: 1,
  model: "plain",
  status,
  error: null,
  incomplete_details: null,
  output:
    status === "completed"
      ? [
          {
            id: "msg_1",
            type: "message",
            role: "assistant",
            status,
            content: [{ type: "output_text", text, annotations: [] }],
          },
        ]
      : [],
  usage:
    usage && status === "completed"
      ? {
          input_tokens: INPUT,
          input_tokens_details: { cached_tokens: 0 },
          output_tokens: OUTPUT,
          output_tokens_details: { reasoning_tokens: 0 },
          total_tokens: INPUT + OUTPUT,
        }
      : null,
});
const item = { id: "msg_1", type: "message", role: "assistant" };
const place = { item_id: "msg_1", output_index: 0, content_index: 0 };
const part = (written: string): object => ({
  part: { type: "output_text", text: written, annotations: [] },
});
const responses: Format = {
  whole: (usage) => responseOf(usage, "completed"),
  events: (usage) =>
    [
      { type: "response.created", response: responseOf(usage, "in_progress") },
      {
        type: "response.output_item.added",
        output_index: 0,
        item: { ...item, status: "in_progress", content: [] },
      },
      { type: "response.content_part.added", ...place, ...part("") },
      ...PIECES.map((delta) => ({ type: "response.output_text.delta", ...place, delta })),
      { type: "response.output_text.done", ...place, text },
      { type: "response.content_part.done", ...place, ...part(text) },
      {
        type: "response.output_item.done",
        output_index: 0,
        item: {
          ...item,
          status: "completed",
          content: [{ type: "output_text", text, annotations: [] }],
        },
      },
      { type: "response.completed", response: responseOf(usage, "completed") },
    ].map((event, at) => named(Object.assign(event, { sequence_number: at }))),
};

const message = { id: "msg_1", type: "message", role: "assistant", model: "plain" };
const messages: Format = {
  whole: (usage) => ({
    ...message,
    content: [{ type: "text", text }],
    stop_reason: "end_turn",
    stop_sequence: null,
    ...(usage ? { usage: { input_tokens: INPUT, output_tokens: OUTPUT } } : {}),
  }),
  events: (usage) =>
    [
      {
        type: "message_start",
        message: {
          ...message,
          content: [],
          stop_reason: null,
          stop_sequence: null,
          usage: usage ? { input_tokens: INPUT, output_tokens: 1 } : {},
        },
      },
      { type: "content_block_start", index: 0, content_block: { type: "text", text: "" } },
      ...PIECES.map((piece) => ({
        type: "content_block_delta",
        index: 0,
        delta: { type: "text_delta", text: piece },
      })),
      { type: "content_block_stop", index: 0 },
      {
        type: "message_delta",
        delta: { stop_reason: "end_turn", stop_sequence: null },
        usage: usage ? { output_tokens: OUTPUT } : {},
      },
      { type: "message_stop" },
    ].map(named),
};

const embeddings: Format = {
  whole: (usage) => ({
    object: "list",
    model: "plain",
    data: [{ object: "embedding", index: 0, embedding: [0.5, 0.25] }],
    ...(usage ? { usage: { prompt_tokens: INPUT, total_tokens: INPUT } } : {}),
  }),
  events: () => [],
};

const formats: Readonly<Record<string, Format>> = {
  "/v1/chat/completions": chat,
  "/v1/responses": responses,
  "/v1/messages": messages,
  "/v1/embeddings": embeddings,
};

const isBody = (value: unknown): value is Body => typeof value === "object" && value !== null;

function asksForUsage({ model, stream, stream_options: options }: Body, format: Format): boolean {
  if (model === "silent") return false;
  return (
    format !== chat || stream !== true || (isBody(options) && options["include_usage"] === true)
  );
}

function answer(url: string, body: Body, response: ServerResponse): void {
  const model = String(body["model"]);
  const status = /^status-(\d+)$/.exec(model)?.[1];
  const format = formats[url];
  if (format === undefined || status !== undefined) {
    const error = { type: "invalid_request_error", message: "no", code: null, param: null };
    response.writeHead(Number(status ?? 404), { "content-type": "application/json" });
    response.end(JSON.stringify({ type: "error", error }));
    return;
  }
  const usage = asksForUsage(body, format);
  if (body["stream"] !== true) {
    response.writeHead(200, { "content-type": "application/json" });
    response.end(JSON.stringify(format.whole(usage)));
    return;
  }
  response.writeHead(200, { "content-type": "text/event-stream" });
  const events = format.events(usage);
  if (model !== "stuck" && model !== "broken") {
    response.end(events.join(""));
    return;
  }
  // All that comes before the end of the text.
  const at = events.findIndex((event) => event.includes(PIECES[1]));
  response.write(events.slice(0, at).join(""), () => {
    // After what was written has had time to arrive on the loopback interface.
    if (model === "broken") setTimeout(() => response.destroy(), 20);
  });
}

const isAddress = (address: unknown): address is AddressInfo => isBody(address);

/** Starts a provider on a free port. */
export async function startStandIn(): Promise<StandIn> {
  const requests: Body[] = [];
  let gone = 0;
  const handle = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const body: unknown = await json(request);
    if (!isBody(body)) throw new TypeError("a body that is no object");
    requests.push(body);
    response.on("close", () => {
      if (!response.writableFinished && body["model"] === "stuck") gone += 1;
    });
    answer(request.url ?? "", body, response);
  };
  const server = createServer((request, response) => {
    handle(request, response).catch(() => response.destroy());
  });
  await new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", resolve);
  });
  const address = server.address();
  const port = isAddress(address) ? address.port : 0;
  return {
    url: `http://127.0.0.1:${String(port)}`,
    requests,
    gone: () => gone,
    close: async () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
}
