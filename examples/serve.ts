/** What every example needs and none is about: listening, and being run from the command line. */
import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { pathToFileURL } from "node:url";

import type { Limiter, LimitInput } from "@tollgate/core";

import type { ModelAddress } from "./model.ts";

/** What a test or the demo may change about an example. */
export interface StartOptions {
  /** @default 0, any free port */
  readonly port?: number;
  /** @default the limits of `chat.ts` */
  readonly limits?: readonly LimitInput[];
  /** @default `OPENAI_BASE_URL`, or else a stand-in of its own */
  readonly model?: ModelAddress;
}

export interface Listening {
  /** A base URL as OpenAI's clients take it: it ends in `/v1`. */
  readonly url: string;
  readonly close: () => Promise<void>;
}

/** A running example. */
export interface Example extends Listening {
  readonly limiter: Limiter;
}

type Handler = (request: IncomingMessage, response: ServerResponse) => unknown;

/** Listens on this machine only. */
export async function listen(handler: Handler, port: number): Promise<Listening> {
  const server = createServer((request, response) => void handler(request, response));
  server.listen(port, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  const bound = typeof address === "object" && address !== null ? address.port : port;
  return {
    url: `http://127.0.0.1:${String(bound)}/v1`,
    close: async () => {
      const closed = once(server, "close");
      server.close();
      // Clients keep connections open for their next call; there will be none.
      server.closeAllConnections();
      await closed;
    },
  };
}

/** Whether a file is the one that was run. */
export function isMain(moduleUrl: string): boolean {
  const [, main] = process.argv;
  return main !== undefined && pathToFileURL(main).href === moduleUrl;
}

/** Starts a server when its file is the one that was run, and says how to try it. */
export async function runIfMain(
  moduleUrl: string,
  standardPort: number,
  start: (port: number) => Promise<Listening>,
): Promise<void> {
  if (!isMain(moduleUrl)) return;
  const { url } = await start(Number(process.env["PORT"] ?? standardPort));
  console.log(`Listening on ${url}. Try it:

  curl -i ${url}/chat/completions \\
    -H 'Authorization: Bearer key-of-ann' -H 'Content-Type: application/json' \\
    -d '{"model": "gpt-4o-mini", "max_tokens": 100, "messages": [{"role": "user", "content": "Why is the sky blue?"}]}'

Add "stream": true to the body to watch it stream.`);
}
