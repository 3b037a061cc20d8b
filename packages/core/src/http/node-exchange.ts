import type { IncomingMessage, ServerResponse } from "node:http";

import type { RequestFacts } from "./gate.ts";

/** The facts that every framework on Node's HTTP server gives in the same way. */
export const nodeExchange = (
  request: IncomingMessage,
  response: ServerResponse,
): Pick<RequestFacts<unknown>, "exchange" | "method" | "header" | "responseField" | "gone"> => ({
  exchange: request,
  method: request.method ?? "GET",
  header: (name) => {
    const value = request.headers[name];
    return typeof value === "string" ? value : value?.join(", ");
  },
  responseField: (name) => response.getHeader(name),
  // A response is destroyed when its connection closes before it was sent whole.
  gone: () => response.destroyed,
});
