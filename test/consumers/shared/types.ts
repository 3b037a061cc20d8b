// What the published types promise. Never run; copied into each TypeScript consumer.
import { type LoadedConfig, parseConfig } from "@tollgate/config";
import {
  createLimiter,
  type Decision,
  getDecision,
  guard,
  isTollgateError,
  type LimitInput,
  memoryStore,
  rateLimited,
  type Store,
  type Usage,
} from "@tollgate/core";
import type { TollgateHandle } from "@tollgate/core/http";
import { aiSdkMiddleware, estimateRequest, type RequestEstimate } from "@tollgate/core/llm";
import { rateLimit as expressLimit } from "@tollgate/express";
import { rateLimit as fastifyLimit } from "@tollgate/fastify";
import { redisStore } from "@tollgate/redis";
import { mysqlStore, postgresStore, sqliteStore } from "@tollgate/sql";
import type Database from "better-sqlite3";
import { expectTypeOf } from "expect-type";
import express from "express";
import fastify from "fastify";
import { Redis } from "ioredis";
import mysql from "mysql2/promise";
import pg from "pg";
import postgres from "postgres";
import { createClient } from "redis";

const limits: readonly LimitInput[] = [
  { type: "count", window: "minute", limit: 60, scope: "user" },
  { type: "token", rate: 2, capacity: 5, scope: "session" },
];
// @ts-expect-error a limit is on a type of unit
const nameless: LimitInput = { window: "minute", limit: 60 };

const inMemory = createLimiter({ limits, store: memoryStore() });
const byDefault = createLimiter({ limits });
const answer = inMemory.checkAndRecord("alice", { count: 1, token: 20 });
const usages = byDefault.usage({ tenant: "acme", user: "u-1" });
expectTypeOf(answer).toEqualTypeOf<Decision>();
expectTypeOf(usages).toEqualTypeOf<readonly Usage[]>();

export async function elsewhere(store: Store): Promise<number> {
  const limiter = createLimiter({ limits, store });
  const pending = limiter.checkAndRecord("alice");
  expectTypeOf(pending).toEqualTypeOf<Decision | Promise<Decision>>();
  const { allowed, retryAfterMs } = await pending;
  return allowed ? 0 : (retryAfterMs ?? -1);
}

export async function wider(): Promise<number> {
  const config = parseConfig("limits: []");
  expectTypeOf(config).toEqualTypeOf<LoadedConfig>();
  const each = createLimiter({ limits: async ({ tenant }) => (tenant === "a" ? limits : []) });
  const waited = await each.acquire({ tenant: "a" }, { count: 1 }, { maxWaitMs: 5, reserve: true });
  expectTypeOf(waited).toEqualTypeOf<Decision>();
  // @ts-expect-error concurrency has no window
  const wrong: LimitInput = { type: "concurrency", limt: 1 };
  const length = guard(inMemory, (text: string) => text.length, { subject: "alice" });
  expectTypeOf(length).returns.toEqualTypeOf<Promise<number>>();
  const service = { open: true, ask: async (text: string) => text };
  expectTypeOf(rateLimited(service, { ask: { subject: "a" } }, inMemory)).toEqualTypeOf(service);
  return wrong.type.length + (await length("four"));
}

export async function metered(): Promise<string> {
  expectTypeOf(estimateRequest({ model: "gpt-4o" })).toEqualTypeOf<RequestEstimate>();
  expectTypeOf(aiSdkMiddleware(inMemory, { subject: "alice" }).wrapGenerate).toBeFunction();
  const answer = await inMemory.meter("alice", { model: "gpt-4o" }, async ({ body }) => body.model);
  expectTypeOf(answer).toEqualTypeOf<string>();
  return answer;
}

export function reasonOf(error: unknown): string {
  if (isTollgateError(error)) {
    // @ts-expect-error the list of codes is closed
    if (error.code === "NO_SUCH_CODE") return "never";
    return error.code;
  }
  return getDecision(error)?.reason ?? "unknown";
}

const expressApp = express();
const inExpress = expressLimit({
  limits,
  identify: (req) => ({ user: req.get("x-user") ?? "nobody" }),
  cost: (req, { body }) => ({ token: body === undefined ? req.url.length : 1 }),
});
expressApp.use("/v1", inExpress);
expressApp.get("/", inExpress.forRoute({ limits: {} }), async (req, res) => {
  expectTypeOf(req.tollgate).toEqualTypeOf<TollgateHandle>();
  await req.tollgate.settle({ token: 3 });
  res.json(req.tollgate.decision.outcome);
});

const fastifyApp = fastify();
export async function start(): Promise<void> {
  await fastifyApp.register(fastifyLimit, { limits, hook: "preHandler", cost: () => ({}) });
  // @ts-expect-error no such hook
  await fastifyApp.register(fastifyLimit, { limits, hook: "onSend" });
  fastifyApp.get("/", { config: { rateLimit: false } }, async (request) => {
    expectTypeOf(request.tollgate).toEqualTypeOf<TollgateHandle>();
    return request.tollgate.decision.usages;
  });
}

// @ts-expect-error a slip in an option's name
expressLimit({ limits, identity: () => "alice" });

const stores: readonly Store[] = [
  redisStore({ client: new Redis({ lazyConnect: true }) }),
  redisStore({ client: createClient() }),
  postgresStore({ client: new pg.Pool(), durability: "asynchronous" }),
  postgresStore({ client: postgres("postgres://localhost") }),
  mysqlStore({ pool: mysql.createPool("mysql://localhost") }),
  // @ts-expect-error a connection is no pool
  mysqlStore({ pool: "mysql://localhost" }),
];
export const shared = stores.map((store) => createLimiter({ limits, store }));

export function inFile(database: Database.Database): void {
  const limiter = createLimiter({ limits, store: sqliteStore({ database }) });
  // SQLite answers at once.
  expectTypeOf(limiter.check("alice")).toEqualTypeOf<Decision>();
}

export { nameless };
