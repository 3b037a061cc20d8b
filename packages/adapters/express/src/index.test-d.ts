import type { TollgateError } from "@tollgate/core";
import type { TollgateHandle } from "@tollgate/core/http";
import { expectTypeOf } from "expect-type";
import type { Application, Request, RequestHandler } from "express";

import { rateLimit, type RateLimit, type RateLimitOptions, type RouteOptions } from "./index.ts";

expectTypeOf<Request["tollgate"]>().toEqualTypeOf<TollgateHandle>();

expectTypeOf(rateLimit).parameters.toEqualTypeOf<[RateLimitOptions]>();
expectTypeOf(rateLimit).returns.toEqualTypeOf<RateLimit>();
expectTypeOf<RateLimit>().toExtend<RequestHandler>();
expectTypeOf<RateLimit["forRoute"]>().toEqualTypeOf<(options: RouteOptions) => RateLimit>();

// Middleware is used as it is, and callbacks know Express's request.
export const use = (app: Application): void => {
  app.use(
    rateLimit({
      limits: [{ type: "token", window: "day", limit: 1 }],
      identify: (req) => {
        expectTypeOf(req).toEqualTypeOf<Request>();
        return { user: req.get("x-user") };
      },
      cost: async (req, { body, contentLength, subject }) => {
        expectTypeOf(req).toEqualTypeOf<Request>();
        expectTypeOf(body).toBeUnknown();
        expectTypeOf(contentLength).toEqualTypeOf<number | undefined>();
        expectTypeOf(subject).toExtend<object>();
        return Promise.resolve({ token: 1 });
      },
      skip: ({ ip }) => ip === "127.0.0.1",
      onRefused: ({ error, decision }) => {
        expectTypeOf(error).toEqualTypeOf<TollgateError>();
        expectTypeOf(decision.retryAfterMs).toEqualTypeOf<number | undefined>();
        return undefined;
      },
    }),
  );
  app.get("/", async (req, res) => {
    expectTypeOf(req.tollgate.settle).toBeCallableWith({ token: 5 });
    await req.tollgate.settle({ token: 5 });
    res.json(req.tollgate.decision.usages);
  });
};

// @ts-expect-error an option that does not exist
rateLimit({ limits: [], windowMs: 1000 });
// @ts-expect-error amounts are numbers
rateLimit({ limits: [], cost: () => ({ token: "5" }) });
