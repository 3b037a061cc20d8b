/**
 * A chat endpoint on Fastify 5 with limits per tenant, user and session.
 *
 *     pnpm example examples/fastify.ts
 */
import { createLimiter } from "@tollgate/core";
import { rateLimit } from "@tollgate/fastify";
import fastify from "fastify";

import { callerOf, chatLimits, unknownKey } from "./chat.ts";
import { callModel, openModel } from "./model.ts";
import { type Example, runIfMain, type StartOptions } from "./serve.ts";

export async function start({
  port = 0,
  limits = chatLimits,
  model: given,
}: StartOptions = {}): Promise<Example> {
  const model = await openModel(given);
  // Clients that keep a connection open must not keep the server from closing.
  const app = fastify({ bodyLimit: 1_048_576, forceCloseConnections: true });

  // Who is not known is not metered, and gets no body parsed.
  app.addHook("onRequest", async (request, reply) => {
    if (callerOf(request.headers) === undefined) return reply.code(401).send(unknownKey);
  });

  // Limits run at `preHandler`, when Fastify has parsed the body that the call is estimated from.
  const limiter = createLimiter({ limits });
  await app.register(rateLimit, { limiter, identify: (request) => callerOf(request.headers) });

  app.post("/v1/chat/completions", async (request, reply) => {
    const answer = await callModel(model, request.tollgate.withUsage(request.body));
    return reply.code(answer.status).type(answer.type).send(answer.body);
  });

  const origin = await app.listen({ port, host: "127.0.0.1" });
  return {
    url: `${origin}/v1`,
    limiter,
    close: async () => {
      await app.close();
      await model.close();
    },
  };
}

void runIfMain(import.meta.url, 3000, (port) => start({ port }));
