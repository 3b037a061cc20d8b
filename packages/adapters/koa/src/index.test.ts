import { once } from "node:events";
import { Readable } from "node:stream";

import { describe, expect, test } from "@jest/globals";
import {
  adapterContract,
  type Answer,
  type Layer,
  type MakeApp,
  portOf,
  type Route,
} from "@tollgate/core/testing";
import Koa, { type Context, type Middleware, type Next } from "koa";
import request from "supertest";

import { rateLimit, type RateLimit } from "./index.ts";

/** A parser as they come: it adds the body to Koa's request. */
const jsonBody: Middleware = async (ctx, next) => {
  const parts: string[] = [];
  if (ctx.is("json")) {
    for await (const part of ctx.req) parts.push(String(part));
    Object.assign(ctx.request, { body: JSON.parse(parts.join("")) });
  }
  await next();
};

function reply(answer: Answer, ctx: Context): void {
  if ("error" in answer) ctx.throw(answer.error);
  else if ("json" in answer) {
    ctx.status = answer.status ?? 200;
    ctx.body = answer.json;
  } else {
    ctx.status = answer.status ?? 200;
    ctx.set(answer.headers ?? {});
    ctx.body = Readable.from(answer.chunks);
  }
}

// Koa's own `throw` wants a status; an error given to it is thrown as it is.
const run = async ({ handler }: Route, ctx: Context): Promise<void> => {
  const body: unknown = "body" in ctx.request ? ctx.request.body : undefined;
  const answer = handler({
    tollgate: ctx.state.tollgate,
    body,
    incoming: ctx.req,
    outgoing: ctx.res,
  });
  reply(await answer, ctx);
};

const matches = ({ method = "GET", path }: Route, ctx: Context): boolean =>
  ctx.path === path && (ctx.method === method || (ctx.method === "HEAD" && method === "GET"));

/** Runs middleware one after the other, the last of which is `last`. */
const chain = (all: readonly Middleware[], ctx: Context, last: Next): Promise<unknown> => {
  const step = async (n: number): Promise<unknown> => {
    const middleware = all[n];
    return middleware === undefined ? last() : middleware(ctx, async () => step(n + 1));
  };
  return step(0);
};

const makeApp: MakeApp = async ({ layers, routes, body = "parsed", trust = "nobody" }) => {
  const app = new Koa();
  app.silent = true;
  app.proxy = trust !== "nobody";
  if (trust === "proxies") app.maxIpsCount = 1;
  if (body === "parsed") app.use(jsonBody);
  const made = new Map<object, RateLimit>();
  const middleware = (layer: Layer): Middleware => {
    if ("fields" in layer) {
      return async (ctx, next) => {
        ctx.set(layer.fields);
        await next();
      };
    }
    if ("wrap" in layer) {
      return async (ctx, next) => {
        layer.wrap(ctx.res);
        await next();
      };
    }
    const limiter = made.get(layer.options) ?? rateLimit(layer.options);
    made.set(layer.options, limiter);
    return limiter;
  };
  const common = layers.map(middleware);
  const [base] = made.values();
  const table = routes.map((route) => {
    const own = route.override === undefined ? undefined : base?.forRoute(route.override);
    const before = own === undefined ? common : [own];
    return { route, before: [...before, ...(route.layers ?? []).map(middleware)] };
  });
  app.use(async (ctx, next) => {
    const entry = table.find(({ route }) => matches(route, ctx));
    if (entry === undefined) return chain(common, ctx, next);
    return chain(entry.before, ctx, async () => run(entry.route, ctx));
  });
  const server = app.listen(0, "127.0.0.1");
  await once(server, "listening");
  const port = portOf(server);
  return {
    url: `http://127.0.0.1:${String(port)}`,
    port,
    server,
    close: async () => {
      if (!server.listening) return;
      const closed = once(server, "close");
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
};

describe("Koa 3 keeps the adapter contract", () => {
  test.each(adapterContract)("$name", async ({ run: holds }) => {
    await holds(makeApp);
  });
});

describe("rateLimit for Koa", () => {
  const limits = [{ type: "count", window: "minute", limit: 9 }] as const;

  test("shows the limiter it is made of, and a route's own", () => {
    const limit = rateLimit({ limits });
    expect(limit.limiter.limits.map(({ max }) => max)).toStrictEqual([9]);
    const strict = limit.forRoute({ limits: { "count-per-minute-caller": { limit: 1 } } });
    expect(strict.limiter.limits.map(({ max }) => max)).toStrictEqual([1]);
  });

  test("an error keeps headers of its own beside the limit's fields", async () => {
    const app = new Koa();
    app.silent = true;
    app.use(rateLimit({ limits }));
    app.use((ctx) => ctx.throw(503, "busy", { headers: { "Retry-After": "9" } }));
    const { headers } = await request(app.callback()).get("/").expect(503);
    expect(headers["retry-after"]).toBe("9");
    expect(headers["x-ratelimit-remaining"]).toBe("8");
  });

  test("an answer that begins past Koa, after all middleware has returned, is charged", async () => {
    const app = new Koa();
    const limit = rateLimit({ limits: [{ type: "token", window: "minute", limit: 5000 }] });
    const settled = new Promise<unknown>((resolve) => {
      limit.limiter.subscribe((event) => {
        if (event.type === "settled") resolve(event.cost);
      });
    });
    app.use(limit);
    const usage = { prompt_tokens: 9, completion_tokens: 4 };
    const body = { model: "gpt-4o", messages: [{ role: "user", content: "When is low tide?" }] };
    app.use((ctx) => {
      ctx.respond = false;
      setImmediate(() => {
        ctx.res.writeHead(200, { "Content-Type": "application/json" });
        ctx.res.end(JSON.stringify({ choices: [{ finish_reason: "stop" }], usage }));
      });
    });
    await request(app.callback()).post("/").send(body).expect(200);
    expect(await settled).toMatchObject({ token: 13 });
  });
});
