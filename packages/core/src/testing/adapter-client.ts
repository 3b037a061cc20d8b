import assert from "node:assert/strict";
import { once } from "node:events";
import { type Agent, type IncomingHttpHeaders, type IncomingMessage, request } from "node:http";
import { connect, type Socket } from "node:net";

import type { RunningApp } from "./adapter-app.ts";

/** A request of the contract. */
export interface Sent {
  /** @default 'GET' */
  readonly method?: string;
  /** @default '/' */
  readonly path?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  /** @default a connection of its own */
  readonly agent?: Agent;
}

/** An answer, read to its end. */
export interface Received {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** An answer that is still coming. */
export interface Incoming {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  /** The next chunk; `undefined` at the end. */
  readonly read: () => Promise<string | undefined>;
  /** Hangs up. */
  readonly abort: () => void;
}

function start(app: RunningApp, { method = "GET", path = "/", headers, body, agent }: Sent) {
  const { port } = app;
  const sent = request({
    host: "127.0.0.1",
    port,
    method,
    path,
    agent: agent ?? false,
    ...(headers === undefined ? {} : { headers }),
  });
  sent.end(body);
  return sent;
}

async function answerTo(app: RunningApp, sent: Sent): Promise<IncomingMessage> {
  const pending = start(app, sent);
  return new Promise((resolve, reject) => {
    pending.once("response", resolve);
    pending.once("error", reject);
  });
}

/** Sends a request and reads the answer. */
export async function send(app: RunningApp, sent: Sent = {}): Promise<Received> {
  const response = await answerTo(app, sent);
  response.setEncoding("utf8");
  const chunks: string[] = [];
  for await (const chunk of response) chunks.push(String(chunk));
  return { status: response.statusCode ?? 0, headers: response.headers, body: chunks.join("") };
}

/** The bytes of an answer's body, as they come. */
export async function bytesOf(
  app: RunningApp,
  sent: Sent,
): Promise<{ readonly headers: IncomingHttpHeaders; readonly bytes: Buffer }> {
  const response = await answerTo(app, sent);
  const parts: Uint8Array[] = [];
  for await (const part of response) parts.push(part);
  return { headers: response.headers, bytes: Buffer.concat(parts) };
}

/** Sends a request and waits for the head of its answer only. */
export async function open(app: RunningApp, sent: Sent = {}): Promise<Incoming> {
  const response = await answerTo(app, sent);
  response.setEncoding("utf8");
  const chunks = response.iterator({ destroyOnReturn: false });
  return {
    status: response.statusCode ?? 0,
    headers: response.headers,
    read: async () => {
      const next = await chunks.next();
      return next.done === true ? undefined : String(next.value);
    },
    abort: () => {
      response.destroy();
    },
  };
}

/** Sends a request nobody will wait for; the returned function hangs up. */
export function sendAndLeave(app: RunningApp, sent: Sent = {}): () => void {
  const pending = start(app, sent);
  // Hanging up is an error of the client's own request.
  pending.on("error", () => undefined);
  return () => {
    pending.destroy();
  };
}

/** A connection for requests that are written as bytes. */
export async function openSocket({ port }: RunningApp): Promise<Socket> {
  const socket = connect(port, "127.0.0.1");
  socket.setEncoding("utf8");
  // It may be cut by the server, or by the test.
  socket.on("error", () => undefined);
  await once(socket, "connect");
  return socket;
}

/** Requests without bodies, as they are written to a socket one after the other. */
export const asBytes = (paths: readonly string[]): string =>
  paths.map((path) => `GET ${path} HTTP/1.1\r\nHost: localhost\r\n\r\n`).join("");

/** Reads `count` answers, each with a `Content-Length`. */
export async function readAnswers(
  socket: Socket,
  count: number,
): Promise<readonly Pick<Received, "status" | "body">[]> {
  const answers: { status: number; body: string }[] = [];
  let text = "";
  for await (const chunk of socket.iterator({ destroyOnReturn: false })) {
    text += String(chunk);
    for (;;) {
      const end = text.indexOf("\r\n\r\n");
      const [, length] = /^content-length: (\d+)\r$/im.exec(text.slice(0, end + 1)) ?? [];
      if (end < 0 || length === undefined || text.length < end + 4 + Number(length)) break;
      const body = text.slice(end + 4, end + 4 + Number(length));
      answers.push({ status: Number(text.slice(9, 12)), body });
      text = text.slice(end + 4 + Number(length));
    }
    if (answers.length >= count) return answers;
  }
  throw new assert.AssertionError({
    message: `the connection ended after ${String(answers.length)} of ${String(count)} answers`,
  });
}

/** A JSON body, read as an object. */
export function objectIn({ body }: Pick<Received, "body">): Readonly<Record<string, unknown>> {
  const value: unknown = JSON.parse(body);
  assert.ok(typeof value === "object" && value !== null, `not an object: ${body}`);
  return { ...value };
}
