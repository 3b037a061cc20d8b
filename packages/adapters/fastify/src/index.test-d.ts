import type { TollgateHandle } from "@tollgate/core/http";
import { expectTypeOf } from "expect-type";
import type { FastifyInstance, FastifyPluginAsync, FastifyRequest } from "fastify";

import { rateLimit, type RateLimitOptions, type RouteOptions } from "./index.ts";

expectTypeOf<FastifyRequest["tollgate"]>().toEqualTypeOf<TollgateHandle>();
expectTypeOf(rateLimit).toEqualTypeOf<FastifyPluginAsync<RateLimitOptions>>();
expectTypeOf<RateLimitOptions["hook"]>().toEqualTypeOf<"preHandler" | "onRequest" | undefined>();

// A plugin is registered as it is, callbacks know Fastify's request, and routes carry their own.
export const use = async (app: FastifyInstance): Promise<void> => {
  await app.register(rateLimit, {
    limits: [{ type: "token", window: "day", limit: 1 }],
    identify: (request) => {
      expectTypeOf(request).toEqualTypeOf<FastifyRequest>();
      return { user: request.id };
    },
    cost: () => ({ token: 1 }),
  });
  const route: RouteOptions = { skip: ({ ip }) => ip === "127.0.0.1" };
  app.get("/", { config: { rateLimit: route } }, async (request) => {
    expectTypeOf(request.tollgate).toEqualTypeOf<TollgateHandle>();
    await request.tollgate.settle({ token: 5 });
    return request.tollgate.decision.usages;
  });
  app.get("/free", { config: { rateLimit: false } }, async () => "ok");
};
