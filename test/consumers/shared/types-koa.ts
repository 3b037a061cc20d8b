// What the published types promise to Koa; apart, because Koa's own need `skipLibCheck`.
import type { TollgateHandle } from "@tollgate/core/http";
import { rateLimit } from "@tollgate/koa";
import { expectTypeOf } from "expect-type";
import Koa from "koa";

const app = new Koa();
app.use(
  rateLimit({
    limits: [{ type: "count", window: "5h", limit: 1 }],
    identify: (ctx) => ({ user: ctx.get("x-user") }),
  }),
);
app.use(async (ctx) => {
  expectTypeOf(ctx.state.tollgate).toEqualTypeOf<TollgateHandle>();
  ctx.body = await ctx.state.tollgate.usage();
});

// @ts-expect-error a slip in an option's name
rateLimit({ limits: [], identity: () => "alice" });
