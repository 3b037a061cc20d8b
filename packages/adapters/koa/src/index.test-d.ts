import type { TollgateHandle } from "@tollgate/core/http";
import { expectTypeOf } from "expect-type";
import type Koa from "koa";
import type { Context, DefaultState, Middleware } from "koa";

import { rateLimit, type RateLimit, type RateLimitOptions, type RouteOptions } from "./index.ts";

expectTypeOf<DefaultState["tollgate"]>().toEqualTypeOf<TollgateHandle>();

expectTypeOf(rateLimit).parameters.toEqualTypeOf<[RateLimitOptions]>();
expectTypeOf(rateLimit).returns.toEqualTypeOf<RateLimit>();
expectTypeOf<RateLimit>().toExtend<Middleware>();
expectTypeOf<RateLimit["forRoute"]>().toEqualTypeOf<(options: RouteOptions) => RateLimit>();

// Middleware is used as it is, and callbacks know Koa's context.
export const use = (app: Koa): void => {
  app.use(
    rateLimit({
      limits: [{ type: "token", window: "day", limit: 1 }],
      identify: (ctx) => {
        expectTypeOf(ctx).toEqualTypeOf<Context>();
        return { user: ctx.get("x-user") };
      },
      cost: (ctx) => ({ token: ctx.request.length }),
    }),
  );
  app.use(async (ctx) => {
    expectTypeOf(ctx.state.tollgate).toEqualTypeOf<TollgateHandle>();
    await ctx.state.tollgate.settle({ token: 5 });
    ctx.body = ctx.state.tollgate.decision.usages;
  });
};

// @ts-expect-error an option that does not exist
rateLimit({ limits: [], windowMs: 1000 });
