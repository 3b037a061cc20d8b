import { once } from "node:events";
import { createServer } from "node:http";
import { Readable } from "node:stream";

import { describe, expect, jest, test } from "@jest/globals";
import {
  adapterContract,
  type Answer,
  type AppSpec,
  type Layer,
  type MakeApp,
  portOf,
  type Route,
} from "@tollgate/core/testing";
import express, { type Application, type RequestHandler, type Response } from "express";
import request from "supertest";

import { rateLimit, type RateLimit } from "./index.ts";

const express4 = jest.requireActual<typeof express>("express4");

function reply(answer: Answer, res: Response, next: (error: unknown) => void): void {
  if ("error" in answer) next(answer.error);
  else if ("json" in answer) res.status(answer.status ?? 200).json(answer.json);
  else {
    res.status(answer.status ?? 200).set(answer.headers ?? {});
    const stream = Readable.from(answer.chunks);
    stream.on("error", () => res.destroy());
    res.on("close", () => stream.destroy());
    stream.pipe(res);
  }
}

const handlerOf =
  ({ handler }: Route): RequestHandler =>
  (req, res, next) => {
    const answer = handler({
      tollgate: req.tollgate,
      body: req.body,
      incoming: req,
      outgoing: res,
    });
    if (!(answer instanceof Promise)) {
      reply(answer, res, next);
      return undefined;
    }
    // Returned, so that Express sees a rejection itself.
    return answer.then((settled) => {
      reply(settled, res, next);
      return undefined;
    });
  };

function mount(app: Application, route: Route, handlers: readonly RequestHandler[]): void {
  const { method = "GET", path } = route;
  if (method === "GET") app.get(path, ...handlers, handlerOf(route));
  else if (method === "POST") app.post(path, ...handlers, handlerOf(route));
  else app.options(path, ...handlers, handlerOf(route));
}

function build(app: Application, { layers, routes }: AppSpec): void {
  const made = new Map<object, RateLimit>();
  const middleware = (layer: Layer): RequestHandler => {
    if ("fields" in layer) {
      return (_req, res, next) => {
        res.set(layer.fields);
        next();
      };
    }
    if ("wrap" in layer) {
      return (_req, res, next) => {
        layer.wrap(res);
        next();
      };
    }
    const limiter = made.get(layer.options) ?? rateLimit(layer.options);
    made.set(layer.options, limiter);
    return limiter;
  };
  const handlers = layers.map(middleware);
  const [base] = made.values();
  for (const route of routes) {
    if (route.override === undefined) continue;
    if (base !== undefined) mount(app, route, [base.forRoute(route.override)]);
  }
  for (const handler of handlers) app.use(handler);
  for (const route of routes) {
    if (route.override === undefined) mount(app, route, (route.layers ?? []).map(middleware));
  }
}

const makeApp =
  (create: typeof express): MakeApp =>
  async (spec) => {
    const app = create();
    const { body = "parsed", trust = "nobody" } = spec;
    if (trust !== "nobody") app.set("trust proxy", trust === "anyone" ? true : "loopback");
    if (body === "parsed") app.use(create.json());
    build(app, spec);
    const server = createServer(app).listen(0, "127.0.0.1");
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

const rejecting = [
  "D-RES-09 a handler whose promise rejects: 500 with all fields, and the hold stays charged",
  "JSON, D-RES-09 the handler throws before the first byte",
  "SSE, D-RES-09 the handler throws before the first byte",
  "NDJSON, D-RES-09 the handler throws before the first byte",
].map((name) => [name, "Express 4 drops rejected promises: no answer is ever sent"]);

/** Cases that a version cannot express, with the reason. */
const inexpressible: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  "Express 5": {},
  "Express 4": Object.fromEntries(rejecting),
};

describe.each([
  ["Express 5", express],
  ["Express 4", express4],
] as const)("%s keeps the adapter contract", (version, create) => {
  const reasons = inexpressible[version] ?? {};
  const names = adapterContract.map(({ name }) => name);

  test("every case left out is one of the contract", () => {
    for (const [name, reason] of Object.entries(reasons)) {
      process.stdout.write(`LEFT OUT on ${version}: ${name}: ${reason}\n`);
      expect(names).toContain(name);
    }
    expect(new Set(names).size).toBe(names.length);
  });

  test.each(adapterContract.filter(({ name }) => !(name in reasons)))("$name", async ({ run }) => {
    await run(makeApp(create));
  });
});

describe("rateLimit for Express", () => {
  test("shows the limiter it is made of, and a route's own", async () => {
    const limit = rateLimit({ limits: [{ type: "count", window: "minute", limit: 9 }] });
    expect(limit.limiter.limits.map(({ max }) => max)).toStrictEqual([9]);
    const strict = limit.forRoute({ limits: { "count-per-minute-caller": { limit: 1 } } });
    expect(strict.limiter.limits.map(({ max }) => max)).toStrictEqual([1]);
    const app = express();
    app.get("/strict", strict, (_req, res) => res.json("ok"));
    await request(app).get("/strict").expect(200, '"ok"');
    await request(app).get("/strict").expect(429);
  });

  test("leaves a response alone that has begun", async () => {
    const limit = rateLimit({ limits: [{ type: "count", window: "minute", limit: 1 }] });
    const app = express();
    app.get("/", (_req, res, next) => {
      res.write("begun");
      next();
    });
    app.use(limit, (_req, res) => res.end(" and done"));
    app.use((_req, res) => res.end());
    const { text } = await request(app).get("/");
    expect(text).toBe("begun and done");
  });

  test("serves a router mounted below a path, whose 404 gives tokens back", async () => {
    const limit = rateLimit({
      limits: [{ type: "token", window: "minute", limit: 10 }],
      identify: () => "alice",
      cost: () => ({ token: 10 }),
    });
    const ended = new Promise((resolve) => {
      limit.limiter.subscribe((event) => {
        if (event.type === "settled") resolve(event.cost);
      });
    });
    const app = express();
    app.use(
      "/api",
      limit,
      express.Router().get("/known", (_req, res) => res.json("ok")),
    );
    await request(app).get("/api/unknown").expect(404);
    await expect(ended).resolves.toStrictEqual({ token: 0 });
    await request(app).get("/api/known").expect(200);
  });
});
