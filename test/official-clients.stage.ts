/** Small LLM services behind our limiter, one per framework, which note every attempt of a client. */
import {
  createServer,
  type IncomingHttpHeaders,
  type RequestListener,
  type Server,
  type ServerResponse,
} from "node:http";
import { createRequire } from "node:module";
import { join } from "node:path";
import { performance } from "node:perf_hooks";

import { memoryStore } from "@tollgate/core";
import type { RateLimitOptions } from "@tollgate/core/http";
import { portOf } from "@tollgate/core/testing";
import { type RateLimit as ExpressLimit, rateLimit as expressLimit } from "@tollgate/express";
import { rateLimit as fastifyLimit } from "@tollgate/fastify";
import { type RateLimit as KoaLimit, rateLimit as koaLimit } from "@tollgate/koa";
import fastify from "fastify";

// Both come without types of their own; what the adapters say about them is enough here.
type ExpressApp = Parameters<ExpressLimit>[0]["app"] & RequestListener;
type KoaApp = Parameters<KoaLimit>[0]["app"];
const load = createRequire(join(__dirname, "official-clients.stage.ts"));
const express: () => ExpressApp = load("express");
const Koa: new () => KoaApp = load("koa");

interface Headed {
  readonly headers: IncomingHttpHeaders;
}

/** Options that fit every adapter's `rateLimit`. */
export type StageOptions = RateLimitOptions<Headed>;

/** A request as it reached the service, and the answer to it. */
export interface Attempt {
  /** On the clock of `performance`. */
  readonly arrivedMs: number;
  readonly status: number;
  /** A field of the answer; empty where it has none. */
  readonly field: (name: string) => string;
}

export interface Stage {
  /** Without `/v1`. */
  readonly url: string;
  /** What came with this API key, in order. */
  readonly attemptsOf: (key: string) => readonly Attempt[];
  readonly close: () => Promise<void>;
}

const usage = { input_tokens: 3, output_tokens: 1, total_tokens: 4 };

/** What the services answer, as short as the clients accept it. */
const answers: Readonly<Record<string, unknown>> = {
  "/v1/chat/completions": {
    id: "chatcmpl-1",
    object: "chat.completion",
    created: 1_767_225_600,
    model: "stand-in",
    choices: [
      {
        index: 0,
        message: { role: "assistant", content: "pong", refusal: null },
        logprobs: null,
        finish_reason: "stop",
      },
    ],
    usage: { prompt_tokens: 3, completion_tokens: 1, total_tokens: 4 },
  },
  "/v1/responses": {
    id: "resp_1",
    object: "response",
    created_at: 1_767_225_600,
    model: "stand-in",
    status: "completed",
    error: null,
    incomplete_details: null,
    output: [
      {
        id: "msg_1",
        type: "message",
        role: "assistant",
        status: "completed",
        content: [{ type: "output_text", text: "pong", annotations: [] }],
      },
    ],
    usage,
  },
  "/v1/messages": {
    id: "msg_1",
    type: "message",
    role: "assistant",
    model: "stand-in",
    content: [{ type: "text", text: "pong" }],
    stop_reason: "end_turn",
    stop_sequence: null,
    usage: { input_tokens: 3, output_tokens: 1 },
  },
};

/** The API key, wherever the provider's clients put it. */
function keyOf(headers: IncomingHttpHeaders): string {
  const given = headers["x-api-key"] ?? headers.authorization;
  return typeof given === "string" ? given.replace(/^Bearer /, "") : "";
}

const attemptOf = (response: ServerResponse): Attempt => ({
  arrivedMs: performance.now(),
  get status() {
    return response.statusCode;
  },
  field: (name) => String(response.getHeader(name) ?? ""),
});

/** Notes the attempts on a server that listens, whatever handles them. */
function watch(server: Server): Stage {
  const attempts = new Map<string, Attempt[]>();
  let requests = 0;
  server.prependListener("request", ({ headers }, response) => {
    requests += 1;
    // Beside naming the request, it makes Node keep the fields that a framework gives to `writeHead`.
    response.setHeader("x-request-id", `req_${String(requests)}`);
    const key = keyOf(headers);
    attempts.set(key, [...(attempts.get(key) ?? []), attemptOf(response)]);
  });
  return {
    url: `http://127.0.0.1:${String(portOf(server))}`,
    attemptsOf: (key) => attempts.get(key) ?? [],
    close: () =>
      new Promise((resolve) => {
        server.close(() => {
          resolve();
        });
        server.closeAllConnections();
      }),
  };
}

const listening = (listener: RequestListener): Promise<Stage> =>
  new Promise((resolve) => {
    const server = createServer(listener).listen(0, "127.0.0.1", () => {
      resolve(watch(server));
    });
  });

const starters = {
  express: async (options: StageOptions) => {
    const app = express();
    app.use(expressLimit(options));
    app.use(({ path }, res) => {
      res.json(answers[path]);
    });
    return listening(app);
  },
  koa: async (options: StageOptions) => {
    const app = new Koa();
    app.use(koaLimit(options));
    app.use((ctx) => {
      ctx.body = answers[ctx.path];
    });
    const handle = app.callback();
    return listening((req, res) => {
      void handle(req, res);
    });
  },
  fastify: async (options: StageOptions) => {
    const app = fastify();
    await app.register(fastifyLimit, options);
    app.post("/*", async ({ url }) => answers[url]);
    await app.listen({ port: 0, host: "127.0.0.1" });
    return watch(app.server);
  },
} as const;

/** The frameworks there are adapters for. */
export const frameworks = ["express", "koa", "fastify"] as const;
export type Framework = (typeof frameworks)[number];

/** Starts a service that knows its callers by their API keys. */
export const startStage = async (framework: Framework, options: StageOptions): Promise<Stage> =>
  starters[framework]({
    store: memoryStore(),
    identify: ({ headers }) => keyOf(headers),
    ...options,
  });
