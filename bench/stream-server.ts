// A server with one streaming route, twice: as it is, and behind Tollgate. `bench/stream.ts` forks it.
import {
  createServer,
  type IncomingMessage,
  type RequestListener,
  type ServerResponse,
} from "node:http";
import { setImmediate as turn } from "node:timers/promises";

import { rateLimit as expressLimit } from "@tollgate/express";
import { rateLimit as fastifyLimit } from "@tollgate/fastify";
import { rateLimit as koaLimit } from "@tollgate/koa";
import express from "express";
import Fastify from "fastify";
import Koa from "koa";

const CHUNKS = 2000;

const words = ["The ", "tide ", "is ", "low ", "at ", "fourteen ", "twenty", ", ", "they ", "say"];

/** An answer as OpenAI streams it, token by token. */
const events = Array.from({ length: CHUNKS }, (_, index) => {
  const delta = { content: words[index % words.length] };
  const choices = [{ index: 0, delta, logprobs: null, finish_reason: null }];
  const chunk = {
    id: "chatcmpl-B9MBs8CjcvOU2jLn4n570S5qMJKcT",
    object: "chat.completion.chunk",
    created: 1_790_000_000,
    model: "gpt-4o-2024-08-06",
    service_tier: "default",
    system_fingerprint: "fp_44709d6fcb",
    choices,
    usage: null,
  };
  return Buffer.from(`data: ${JSON.stringify(chunk)}\n\n`);
});
const usage = { prompt_tokens: 40, completion_tokens: CHUNKS, total_tokens: CHUNKS + 40 };
const ending = Buffer.from(
  `data: ${JSON.stringify({ object: "chat.completion.chunk", choices: [], usage })}\n\ndata: [DONE]\n\n`,
);

/** Each chunk in a turn of its own, as chunks come from a provider. */
async function answer({ url = "" }: IncomingMessage, response: ServerResponse): Promise<void> {
  response.setHeader("Content-Type", "text/event-stream");
  for (const event of url.endsWith("?short") ? events.slice(0, 20) : events) {
    response.write(event);
    await turn();
  }
  response.end(ending);
}

const options = {
  limits: [{ type: "token", window: "day", limit: 1_000_000_000_000 }],
  identify: () => "alice",
} as const;

async function listenerOf(framework: string): Promise<RequestListener> {
  if (framework === "express") {
    const app = express().use(express.json());
    app.post("/plain", async (req, res) => answer(req, res));
    app.post("/metered", expressLimit(options), async (req, res) => answer(req, res));
    return app;
  }
  if (framework === "koa") {
    const app = new Koa();
    const limit = koaLimit(options);
    app.use(async (ctx, next) => (ctx.path === "/metered" ? limit(ctx, next) : next()));
    app.use(async (ctx) => {
      ctx.respond = false;
      ctx.res.statusCode = 200;
      await answer(ctx.req, ctx.res);
    });
    const listener = app.callback();
    return (request, response) => void listener(request, response);
  }
  const app = Fastify();
  app.post("/plain", async (request, reply) => {
    void reply.hijack();
    await answer(request.raw, reply.raw);
  });
  await app.register(async (metered) => {
    await metered.register(fastifyLimit, options);
    metered.post("/metered", async (request, reply) => {
      void reply.hijack();
      await answer(request.raw, reply.raw);
    });
  });
  await app.ready();
  return (request, response) => {
    app.routing(request, response);
  };
}

const server = createServer(await listenerOf(process.argv[2] ?? "express"));
server.listen(0, "127.0.0.1", () => {
  process.send?.(server.address());
});

// Asked for its processor time so far, between the rounds.
process.on("message", () => {
  global.gc?.();
  process.send?.(process.cpuUsage());
});
process.on("disconnect", () => {
  process.exit();
});
