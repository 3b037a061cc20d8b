import { Readable } from "node:stream";

import { describe, expect, jest, test } from "@jest/globals";
import {
  adapterContract,
  type Answer,
  type AnyOptions,
  type Layer,
  type MakeApp,
  portOf,
  type Route,
} from "@tollgate/core/testing";
import fastify, { type FastifyInstance, type FastifyReply, type RouteOptions } from "fastify";
import request from "supertest";

import { rateLimit } from "./index.ts";

async function reply(answer: Answer, to: FastifyReply): Promise<FastifyReply> {
  if ("error" in answer) return to.send(answer.error);
  if ("json" in answer) return to.code(answer.status ?? 200).send(answer.json);
  return to
    .code(answer.status ?? 200)
    .headers(answer.headers ?? {})
    .send(Readable.from(answer.chunks));
}

const routeOf = ({ method = "GET", path, handler, override }: Route): RouteOptions => ({
  method,
  url: path,
  config: override === undefined ? {} : { rateLimit: override },
  handler: (incoming, outgoing) => {
    const answer = handler({
      tollgate: incoming.tollgate,
      body: incoming.body,
      incoming: incoming.raw,
      outgoing: outgoing.raw,
    });
    // Returned or thrown here, so that Fastify sees a failure itself.
    return answer instanceof Promise
      ? answer.then((settled) => reply(settled, outgoing))
      : reply(answer, outgoing);
  },
});

async function pass(app: FastifyInstance, layer: Layer): Promise<void> {
  if ("options" in layer) {
    await app.register(rateLimit, layer.options);
    return;
  }
  if ("wrap" in layer) {
    app.addHook("onRequest", async (_request, to) => {
      layer.wrap(to.raw);
    });
    return;
  }
  app.addHook("onRequest", async (_request, to) => {
    void to.headers(layer.fields);
  });
}

const makeApp: MakeApp = async ({ layers, routes, body = "parsed", trust = "nobody" }) => {
  const app = fastify({
    forceCloseConnections: true,
    trustProxy: trust === "anyone" ? true : trust === "proxies" ? "loopback" : false,
  });
  if (body === "unread") {
    app.removeAllContentTypeParsers();
    app.addContentTypeParser("*", (_request, _payload, done) => {
      done(null);
    });
  }
  for (const layer of layers) await pass(app, layer);
  for (const route of routes) {
    await app.register(async (child) => {
      for (const layer of route.layers ?? []) await pass(child, layer);
      child.route(routeOf(route));
    });
  }
  const url = await app.listen({ port: 0, host: "127.0.0.1" });
  return { url, port: portOf(app.server), server: app.server, close: async () => app.close() };
};

describe("Fastify 5 keeps the adapter contract", () => {
  test.each(adapterContract)("$name", async ({ run }) => {
    await run(makeApp);
  });
});

describe("rateLimit for Fastify", () => {
  const limits = [{ type: "count", window: "minute", limit: 9 }] as const;
  const once: AnyOptions = { limits: [{ type: "count", window: "minute", limit: 1 }] };
  const strict = { limits: { "count-per-minute-caller": { limit: 1 } } };

  test("a numeric trustProxy, which current versions ignore, is warned of once", async () => {
    // Its types refuse a number by now; configurations of old do not know.
    const app = fastify(JSON.parse('{"trustProxy":1}'));
    await app.register(rateLimit, once);
    app.get("/", async () => "ok");
    await app.listen({ port: 0, host: "127.0.0.1" });
    const warned = jest.spyOn(process, "emitWarning").mockImplementation(() => undefined);
    for (const [address, status] of [
      ["198.51.100.1", 200],
      ["198.51.100.2", 429],
    ] as const) {
      await request(app.server).get("/").set("X-Forwarded-For", address).expect(status);
    }
    expect(warned.mock.calls.map(([, options]) => options)).toStrictEqual([
      { type: "TollgateWarning", code: "TOLLGATE_TRUST_IGNORED" },
    ]);
    warned.mockRestore();
    await app.close();
  });

  test("the trust is found from an encapsulated instance as well", async () => {
    const app = fastify({ trustProxy: true });
    await app.register(async (child) => {
      await child.register(rateLimit, once);
      child.get("/", async () => "ok");
    });
    await app.listen({ port: 0, host: "127.0.0.1" });
    const warned = jest.spyOn(process, "emitWarning").mockImplementation(() => undefined);
    await request(app.server).get("/").expect(200);
    expect(warned.mock.calls.map(([, options]) => options)).toStrictEqual([
      { type: "TollgateWarning", code: "TOLLGATE_TRUSTS_ANYONE" },
    ]);
    warned.mockRestore();
    await app.close();
  });

  test("rateLimit: false leaves a route unmetered", async () => {
    const app = fastify();
    await app.register(rateLimit, once);
    app.get("/free", { config: { rateLimit: false } }, async ({ tollgate }) => tollgate.decision);
    for (let n = 0; n < 3; n += 1) {
      const answer = await app.inject("/free");
      expect(answer.statusCode).toBe(200);
      expect(answer.headers).not.toHaveProperty("ratelimit");
      expect(answer.json()).toMatchObject({ outcome: "admitted" });
    }
    await app.close();
  });

  test("a route declared before the plugin is loaded has its override all the same", async () => {
    const app = fastify();
    void app.register(rateLimit, { limits });
    app.get("/", { config: { rateLimit: strict } }, async () => "ok");
    expect((await app.inject("/")).headers["x-ratelimit-limit"]).toBe("1");
    expect((await app.inject("/")).statusCode).toBe(429);
    await app.close();
  });

  test("on a route, a mistake is found when the route is declared", async () => {
    const app = fastify();
    await app.register(rateLimit, { limits });
    expect(() =>
      app.get("/", { config: { rateLimit: { limits: { nobody: { limit: 1 } } } } }, async () => ""),
    ).toThrow(/override\.limits\.nobody/);
    await app.close();
  });

  test("hook: 'onRequest' decides before the body is parsed", async () => {
    const app = fastify();
    const bodies: unknown[] = [];
    await app.register(rateLimit, {
      limits: [{ type: "token", window: "minute", limit: 10 }],
      cost: (_request, { body, contentLength }) => {
        bodies.push(body);
        return { token: contentLength ?? 0 };
      },
      hook: "onRequest",
    });
    app.post("/", async ({ body }) => ({ body }));
    const post = { method: "POST", url: "/", payload: { a: 1 } } as const;
    expect((await app.inject(post)).json()).toStrictEqual({ body: { a: 1 } });
    expect((await app.inject(post)).statusCode).toBe(429);
    expect(bodies).toStrictEqual([undefined, undefined]);
    await app.close();
  });

  test("works through inject, and in an instance that is only a part of the application", async () => {
    const app = fastify();
    app.get("/outside", async () => "ok");
    await app.register(async (part) => {
      await part.register(rateLimit, once);
      part.get("/inside", async () => "ok");
    });
    const statuses = [];
    for (const url of ["/inside", "/inside", "/outside", "/outside"]) {
      statuses.push((await app.inject(url)).statusCode);
    }
    expect(statuses).toStrictEqual([200, 429, 200, 200]);
    await app.close();
  });
});
