import { EventEmitter, once } from "node:events";
import { createServer, get, type RequestListener, type Server } from "node:http";

import { describe, expect, jest, test } from "@jest/globals";
import { createLimiter, type Limiter, memoryStore, type Store } from "@tollgate/core";
import { portOf } from "@tollgate/core/testing";
import { rateLimit as expressLimit } from "@tollgate/express";
import { rateLimit as fastifyLimit } from "@tollgate/fastify";
import { rateLimit as koaLimit } from "@tollgate/koa";
import fastify from "fastify";

/** What these tests need of frameworks whose types are not installed here. */
interface Express extends RequestListener {
  readonly use: (handler: unknown) => void;
  readonly get: (
    path: string,
    handler: (req: unknown, res: { end: () => void }) => unknown,
  ) => void;
}
interface Koa {
  readonly use: (handler: unknown) => void;
  readonly callback: () => RequestListener;
}
const express = jest.requireActual<() => Express>("express");
const KoaApp = jest.requireActual<new () => Koa>("koa");

type Cost = { readonly cost?: () => Readonly<Record<string, number>> };

/** Whoever calls, by the scopes that the limits use. */
const identify = (): Readonly<Record<string, string>> => ({
  tenant: "acme",
  user: "alice",
  session: "s-1",
  caller: "alice",
  team: "blue",
});

/** A server that meters every request, whose handler runs `handle` and answers 200. */
type Start = (
  options: { readonly limiter: Limiter } & Cost,
  handle: () => Promise<void>,
) => Promise<{ readonly server: Server; readonly close: () => Promise<void> }>;

async function listen(listener: RequestListener): ReturnType<Start> {
  const server = createServer(listener);
  // As many connections as the tests open at once wait to be accepted.
  server.listen({ port: 0, host: "127.0.0.1", backlog: 2048 });
  await once(server, "listening");
  return {
    server,
    close: async () => {
      const closed = once(server, "close");
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}

const frameworks: readonly (readonly [string, Start])[] = [
  [
    "Express",
    async (options, handle) => {
      const app = express();
      app.use(expressLimit({ ...options, identify }));
      app.get("/", async (_req, res) => {
        await handle();
        res.end();
      });
      return listen(app);
    },
  ],
  [
    "Koa",
    async (options, handle) => {
      const app = new KoaApp();
      app.use(koaLimit({ ...options, identify }));
      app.use(async (ctx: { body: string }) => {
        await handle();
        ctx.body = "ok";
      });
      return listen(app.callback());
    },
  ],
  [
    "Fastify",
    async (options, handle) => {
      const app = fastify({ forceCloseConnections: true });
      await app.register(fastifyLimit, { ...options, identify });
      app.get("/", async () => {
        await handle();
        return "ok";
      });
      await app.listen({ port: 0, host: "127.0.0.1", backlog: 2048 });
      return { server: app.server, close: async () => app.close() };
    },
  ],
];

async function statusFrom(port: number): Promise<number> {
  const request = get({ host: "127.0.0.1", port, agent: false });
  return new Promise((resolve, reject) => {
    request.once("error", reject);
    request.once("response", (response) => {
      response.resume();
      resolve(response.statusCode ?? 0);
    });
  });
}

const atOnce = (): Store => memoryStore();

/** Answers in a later turn of the event loop, in any order. */
function later(): Store {
  const store = memoryStore();
  let asked = 0;
  return {
    ...store,
    synchronous: false,
    apply: async (batch) => {
      asked += 1;
      for (let turns = asked % 5; turns >= 0; turns -= 1) {
        await new Promise((resolve) => {
          setImmediate(resolve);
        });
      }
      return store.apply(batch);
    },
    settle: async (settlement) => Promise.resolve(store.settle(settlement)),
  };
}

describe.each(frameworks)("on %s", (_name, start) => {
  test.each([
    ["a store that answers at once", atOnce, {}],
    ["a store that answers later", later, {}],
    ["holds", later, { cost: () => ({ token: 1 }) }],
  ] as const)(
    "1,000 requests at once, %s: exactly 100 are admitted",
    async (_what, makeStore, options) => {
      const type = "cost" in options ? "token" : "count";
      const limiter: Limiter = createLimiter({
        limits: [{ type, window: "hour", limit: 100 }],
        store: makeStore(),
      });
      let running = 0;
      const allOthers = new EventEmitter();
      // Admitted requests run until every other one has its answer: all of them overlap.
      const gate = once(allOthers, "answered");
      const { server, close } = await start({ limiter, ...options }, async () => {
        running += 1;
        await gate;
      });
      let refused = 0;
      const statuses = await Promise.all(
        Array.from({ length: 1000 }, async () => {
          const status = await statusFrom(portOf(server));
          if (status === 429) refused += 1;
          if (refused === 900) allOthers.emit("answered");
          return status;
        }),
      );
      expect(running).toBe(100);
      expect(statuses.filter((status) => status === 200)).toHaveLength(100);
      expect(statuses.filter((status) => status === 429)).toHaveLength(900);
      const [usage] = await limiter.usage("alice");
      expect(usage?.current).toBe(100);
      await close();
    },
  );

  test("refused calls change none of ten limits over seven scopes", async () => {
    const count = { type: "count", window: "day" } as const;
    const limiter: Limiter = createLimiter({
      limits: [
        { ...count, limit: 9000, scope: "tenant" },
        { ...count, limit: 9000, scope: "tenant", window: "hour" },
        { ...count, limit: 9000, scope: "user" },
        { type: "token", window: "day", limit: 9000, scope: "user" },
        { ...count, limit: 9000, scope: "session" },
        { type: "token", rate: 1, capacity: 9000, scope: "session" },
        { ...count, limit: 9000, scope: "ip" },
        { ...count, limit: 9000, scope: "global" },
        { ...count, limit: 9000, scope: "team" },
        { type: "token", window: "month", limit: 3, scope: "caller", name: "last" },
      ],
      // The clock stands still, so that the bucket does not change by itself.
      store: memoryStore({ clock: () => 1_800_000_000_000 }),
    });
    const { server, close } = await start({ limiter, cost: () => ({ token: 1 }) }, async () =>
      Promise.resolve(),
    );
    const subject = { ...identify(), ip: "127.0.0.1" };
    for (let n = 0; n < 3; n += 1) expect(await statusFrom(portOf(server))).toBe(200);
    // The holds end with their responses, a moment after the client has read them.
    const held = async () => (await limiter.usage(subject)).some((usage) => usage.held > 0);
    while (await held()) {
      await new Promise((resolve) => {
        setImmediate(resolve);
      });
    }
    const before = await limiter.usage(subject);
    expect(before.map(({ current }) => current)).toStrictEqual(Array.from({ length: 10 }, () => 3));
    const statuses = await Promise.all(
      Array.from({ length: 200 }, async () => statusFrom(portOf(server))),
    );
    expect(new Set(statuses)).toStrictEqual(new Set([429]));
    await expect(Promise.resolve(limiter.usage(subject))).resolves.toStrictEqual(before);
    await close();
  });
});
