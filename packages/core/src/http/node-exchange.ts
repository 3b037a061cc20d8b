import type { IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";

import type { RequestFacts } from "./facts.ts";

/** The facts that every framework on Node's HTTP server gives in the same way. */
export const nodeExchange = (
  request: IncomingMessage,
  response: ServerResponse,
): Pick<
  RequestFacts<unknown>,
  "exchange" | "method" | "path" | "header" | "responseField" | "gone" | "whenGone"
> => ({
  exchange: request,
  method: request.method ?? "GET",
  path: urlOf(request)?.split("?", 1)[0],
  header: (name) => {
    const value = request.headers[name];
    return typeof value === "string" ? value : value?.join(", ");
  },
  responseField: (name) => response.getHeader(name),
  // A response is destroyed when its connection closes before it was sent whole, unless it still
  // waits behind another one.
  gone: () => response.destroyed || request.socket.destroyed,
  whenGone: (listener) => {
    const ends = queueOf(request.socket).add(listener);
    return () => ends.delete(listener);
  },
});

// Express rewrites `url` below a mount, and keeps what it was.
const urlOf = (request: IncomingMessage): string | undefined =>
  "originalUrl" in request && typeof request.originalUrl === "string"
    ? request.originalUrl
    : request.url;

/** What is to be done when a connection closes: one listener for all requests that share it. */
const queued = new WeakMap<Socket, Set<() => void>>();

function queueOf(socket: Socket): Set<() => void> {
  const known = queued.get(socket);
  if (known !== undefined) return known;
  const ends = new Set<() => void>();
  queued.set(socket, ends);
  socket.once("close", () => {
    for (const end of ends) end();
  });
  return ends;
}

/** Calls `end` when the exchange is over, in whatever way; it may be called again. */
export function whenOver(
  request: IncomingMessage,
  response: ServerResponse,
  end: () => void,
): void {
  response.once("close", end);
  // A pipelined response gets its socket when those before it are sent; Node tells it of nothing
  // that happens earlier.
  if (response.socket !== null) return;
  const ends = queueOf(request.socket).add(end);
  response.once("close", () => ends.delete(end));
}
