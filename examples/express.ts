/**
 * A chat endpoint on Express 5 with limits per tenant, user and session.
 *
 *     pnpm example examples/express.ts
 */
import { pipeline } from "node:stream";

import { rateLimit } from "@tollgate/express";
import express from "express";

import { callerOf, chatLimits, unknownKey } from "./chat.ts";
import { callModel, openModel } from "./model.ts";
import { type Example, listen, runIfMain, type StartOptions } from "./serve.ts";

export async function start({
  port = 0,
  limits = chatLimits,
  model: given,
}: StartOptions = {}): Promise<Example> {
  const model = await openModel(given);
  const app = express();

  // Who is not known is not metered, and gets no body parsed.
  app.use("/v1", (req, res, next) => {
    if (callerOf(req.headers) === undefined) res.status(401).json(unknownKey);
    else next();
  });

  // The parser comes before the limiter, which estimates the call from its body.
  app.use("/v1", express.json({ limit: "1mb" }));

  const limit = rateLimit({ limits, identify: (req) => callerOf(req.headers) });
  app.use("/v1", limit);

  app.post("/v1/chat/completions", async (req, res) => {
    const answer = await callModel(model, req.tollgate.withUsage(req.body));
    res.status(answer.status).type(answer.type);
    // Whichever side breaks off, the other is ended.
    pipeline(answer.body, res, () => undefined);
  });

  const { url, close } = await listen(app, port);
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
