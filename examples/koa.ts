/**
 * A chat endpoint on Koa 3 with limits per tenant, user and session.
 *
 *     pnpm example examples/koa.ts
 */
import { bodyParser } from "@koa/bodyparser";
import { rateLimit } from "@tollgate/koa";
import Koa from "koa";

import { callerOf, chatLimits, unknownKey } from "./chat.ts";
import { callModel, openModel } from "./model.ts";
import { type Example, listen, runIfMain, type StartOptions } from "./serve.ts";

export async function start({
  port = 0,
  limits = chatLimits,
  model: given,
}: StartOptions = {}): Promise<Example> {
  const model = await openModel(given);
  const app = new Koa();

  // A client that leaves in the middle of a stream is no error of ours.
  app.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code !== "ERR_STREAM_PREMATURE_CLOSE") console.error(error);
  });

  // Who is not known is not metered, and gets no body parsed.
  app.use(async (ctx, next) => {
    if (callerOf(ctx.headers) !== undefined) return next();
    ctx.status = 401;
    ctx.body = unknownKey;
  });

  // The parser comes before the limiter, which estimates the call from its body.
  app.use(bodyParser({ enableTypes: ["json"], jsonLimit: "1mb" }));

  const limit = rateLimit({ limits, identify: (ctx) => callerOf(ctx.headers) });
  app.use(limit);

  app.use(async (ctx) => {
    if (ctx.method !== "POST" || ctx.path !== "/v1/chat/completions") return;
    const answer = await callModel(model, ctx.state.tollgate.withUsage(ctx.request.body));
    ctx.status = answer.status;
    ctx.type = answer.type;
    ctx.body = answer.body;
  });

  const { url, close } = await listen(app.callback(), port);
  return {
    url,
    limiter: limit.limiter,
    close: async () => {
      await close();
      await model.close();
    },
  };
}

void runIfMain(import.meta.url, 3000, (port) => start({ port }));
