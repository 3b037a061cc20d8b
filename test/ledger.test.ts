import { once } from "node:events";
import {
  Agent,
  createServer,
  type IncomingMessage,
  request,
  type RequestListener,
  type Server,
  type ServerResponse,
} from "node:http";
import type { Socket } from "node:net";
import { Readable } from "node:stream";
import { setImmediate } from "node:timers/promises";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

import { expect, jest, test } from "@jest/globals";
import { createLimiter, type Limiter, memoryStore } from "@tollgate/core";
import type { TollgateHandle } from "@tollgate/core/http";
import { manualClock, portOf } from "@tollgate/core/testing";
import { rateLimit as expressLimit } from "@tollgate/express";
import { rateLimit as fastifyLimit } from "@tollgate/fastify";
import { rateLimit as koaLimit } from "@tollgate/koa";
import fastify from "fastify";

/** `TOLLGATE_SEED=<n>` repeats a run, `TOLLGATE_TEST_SIZE=long` plays 10,000 exchanges. */
const seed = Number(process.env["TOLLGATE_SEED"] ?? Date.now() % 2 ** 31);
const EXCHANGES = process.env["TOLLGATE_TEST_SIZE"] === "long" ? 10_000 : 2500;
const AT_ONCE = 51;
/** Exchanges before the first look at memory, so that caches are full and code is compiled. */
const WARM_UP = 1000;
/** Of the heap after the warm-up, whatever the number of exchanges: in the long run less than 500 bytes for each. */
const MAX_GROWTH_BYTES = 4 * 1024 * 1024;
/** Of everybody's listeners on one connection. */
const MAX_LISTENERS = 20;
/** Ended reservations are remembered up to this number; it is full after the warm-up. */
const REMEMBERED = 500;

process.stdout.write(`the ledger is played with TOLLGATE_SEED=${String(seed)}\n`);

/** Numbers from 0 up to 1, the same for the same seed. */
function randomFrom(start: number): () => number {
  let state = start >>> 0;
  return () => {
    // A linear congruential generator (Knuth, The Art of Computer Programming, vol. 2, §3.3.4).
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

// ---------------------------------------------------------------- the application

const framings = ["json", "sse", "ndjson"] as const;
const ends = [
  "whole",
  "bare",
  "slow",
  "leave before",
  "leave amid",
  "throw before",
  "throw after",
  "status 500",
  "status 400",
  "reset",
  "settle",
  "settle later",
  "head",
  "nowhere",
] as const;

/** What a request asks for, in its headers; who sent it can tell when its handler runs. */
interface Plan {
  readonly framing: (typeof framings)[number];
  readonly end: (typeof ends)[number];
  readonly caller: string;
  readonly words: number;
  started: () => void;
}

const plans = new Map<string, Plan>();

interface Reply {
  readonly status: number;
  readonly type: string;
  readonly chunks: AsyncIterable<string>;
}

const types = {
  json: "application/json",
  sse: "text/event-stream",
  ndjson: "application/x-ndjson",
} as const;

const event = (value: object): string => `data: ${JSON.stringify(value)}\n\n`;
const line = (rest: object): string => `${JSON.stringify({ model: "llama3.2", ...rest })}\n`;

function partsOf({ framing, end, words }: Plan): readonly string[] {
  const told = end !== "bare";
  const usage = { prompt_tokens: 9, completion_tokens: words };
  if (framing === "json") {
    const content = "word ".repeat(words);
    const choices = [{ index: 0, message: { content }, finish_reason: "stop" }];
    const text = JSON.stringify({ choices, ...(told ? { usage } : {}) });
    return [text.slice(0, 40), text.slice(40)];
  }
  if (framing === "sse") {
    const delta = event({ choices: [{ index: 0, delta: { content: "word " } }] });
    const last = told ? [event({ choices: [], usage })] : [];
    return [...Array.from({ length: words }, () => delta), ...last, "data: [DONE]\n\n"];
  }
  const delta = line({ message: { content: "word " }, done: false });
  const last = told ? [line({ done: true, prompt_eval_count: 9, eval_count: words })] : [];
  return [...Array.from({ length: words }, () => delta), ...last];
}

const afterFirst = new Set<Plan["end"]>(["leave amid", "throw after", "reset"]);

async function* chunksOf(plan: Plan, over: Promise<unknown>): AsyncGenerator<string> {
  const [first = "", ...rest] = partsOf(plan);
  yield first;
  if (plan.end === "leave amid") await over;
  if (afterFirst.has(plan.end)) throw new Error(plan.end);
  for (const part of rest) {
    // As from a network: now and then in another turn.
    if (part.length % 3 === 0) await setImmediate();
    yield part;
  }
}

const failure = { error: { message: "no answer", type: "server_error" } };

async function* justOne(text: string): AsyncGenerator<string> {
  yield text;
}

const exchanges: WeakRef<object>[] = [];

async function answerTo(
  { headers }: IncomingMessage,
  outgoing: ServerResponse,
  tollgate: TollgateHandle,
): Promise<Reply> {
  exchanges.push(new WeakRef(outgoing), new WeakRef(tollgate));
  const plan = plans.get(String(headers["x-plan"]));
  if (plan === undefined) throw new Error("a request nobody planned");
  const { end, framing } = plan;
  const over = new Promise<void>((resolve) => {
    outgoing.once("close", () => {
      resolve();
    });
  });
  plan.started();
  if (end === "leave before") await over;
  if (end === "leave before" || end === "throw before") throw new Error(end);
  if (end === "settle") await tollgate.settle({ token: 5, inputToken: 3, outputToken: 2 });
  if (end === "settle later") {
    const later = over.then(async () => {
      await setImmediate();
      return { token: 7, inputToken: 4, outputToken: 3 };
    });
    void tollgate.settle(later);
  }
  if (end === "status 500" || end === "status 400") {
    const status = Number(end.slice(-3));
    return { status, type: types.json, chunks: justOne(JSON.stringify(failure)) };
  }
  return { status: 200, type: types[framing], chunks: chunksOf(plan, over) };
}

// ---------------------------------------------------------------- the three frameworks

interface App {
  readonly server: Server;
  readonly close: () => Promise<void>;
}

type Middleware = (req: never, res: never, next: never) => unknown;
interface ExpressApp extends RequestListener {
  readonly use: (...handlers: Middleware[]) => void;
  readonly all: (path: string, handler: Middleware) => void;
}
const express = jest.requireActual<(() => ExpressApp) & { json: () => Middleware }>("express");

interface KoaContext {
  readonly path: string;
  readonly req: IncomingMessage;
  readonly res: ServerResponse;
  readonly request: object;
  readonly state: { readonly tollgate: TollgateHandle };
  readonly set: (name: string, value: string) => void;
  status: number;
  body: unknown;
}
interface KoaApp {
  silent: boolean;
  readonly use: (
    handler: ((context: KoaContext, next: () => Promise<void>) => unknown) | object,
  ) => void;
  readonly callback: () => RequestListener;
}
const Koa = jest.requireActual<new () => KoaApp>("koa");

const PATH = "/v1/chat/completions";

const identify = ({ headers }: { headers: IncomingMessage["headers"] }) => ({
  tenant: "acme",
  caller: String(headers["x-caller"]),
});

async function listening(listener: RequestListener): Promise<App> {
  const server = createServer(listener).listen(0, "127.0.0.1");
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

async function startExpress(limiter: Limiter): Promise<App> {
  const app = express();
  app.use(express.json(), expressLimit({ limiter, identify }));
  app.all(
    PATH,
    async (req: IncomingMessage & { tollgate: TollgateHandle }, res: ServerResponse) => {
      const { status, type, chunks } = await answerTo(req, res, req.tollgate);
      res.statusCode = status;
      res.setHeader("Content-Type", type);
      const stream = Readable.from(chunks);
      stream.on("error", () => res.destroy());
      res.on("close", () => stream.destroy());
      stream.pipe(res);
    },
  );
  return listening(app);
}

async function startKoa(limiter: Limiter): Promise<App> {
  const app = new Koa();
  app.silent = true;
  app.use(async ({ req, request: parsed }: KoaContext, next: () => Promise<void>) => {
    const parts: string[] = [];
    for await (const part of req) parts.push(String(part));
    if (parts.length > 0) Object.assign(parsed, { body: JSON.parse(parts.join("")) });
    await next();
  });
  app.use(koaLimit({ limiter, identify }));
  app.use(async (context: KoaContext) => {
    if (context.path !== PATH) return;
    const { req, res, state } = context;
    const { status, type, chunks } = await answerTo(req, res, state.tollgate);
    context.status = status;
    context.set("Content-Type", type);
    context.body = Readable.from(chunks);
  });
  return listening(app.callback());
}

async function startFastify(limiter: Limiter): Promise<App> {
  const app = fastify({ forceCloseConnections: true });
  await app.register(fastifyLimit, { limiter, identify });
  app.route({
    method: ["GET", "POST"],
    url: PATH,
    handler: async ({ raw, tollgate }, reply) => {
      const { status, type, chunks } = await answerTo(raw, reply.raw, tollgate);
      return reply.code(status).header("Content-Type", type).send(Readable.from(chunks));
    },
  });
  await app.listen({ port: 0, host: "127.0.0.1" });
  return { server: app.server, close: async () => app.close() };
}

// ---------------------------------------------------------------- the clients

interface Client {
  readonly port: number;
  readonly agent: Agent;
}

const question = JSON.stringify({
  model: "gpt-4o",
  messages: [{ role: "user", content: "Say a few words." }],
  max_tokens: 40,
});

let sent = 0;

/** Plays one exchange as its client, until it is over for the client. */
async function play({ port, agent }: Client, plan: Plan): Promise<void> {
  sent += 1;
  const id = String(sent);
  const { end, caller } = plan;
  const started = new Promise<void>((resolve) => {
    plan.started = resolve;
  });
  plans.set(id, plan);
  const head = end === "head";
  const pending = request({
    host: "127.0.0.1",
    port,
    agent,
    method: head ? "HEAD" : "POST",
    path: end === "nowhere" ? "/nowhere" : PATH,
    headers: {
      "x-plan": id,
      "x-caller": caller,
      ...(head ? {} : { "content-type": "application/json" }),
    },
  });
  const answered = new Promise<IncomingMessage | undefined>((resolve) => {
    pending.once("response", resolve);
    pending.once("error", () => {
      resolve(undefined);
    });
  });
  pending.on("error", () => undefined);
  pending.end(head ? undefined : question);
  if (end === "leave before") {
    // It may be refused as well, and then never start.
    await Promise.race([started, answered]);
    pending.destroy();
  }
  const answer = await answered;
  if (answer !== undefined) await read(answer, end);
  plans.delete(id);
}

async function read(answer: IncomingMessage, end: Plan["end"]): Promise<void> {
  try {
    for await (const _ of answer) {
      if (end === "leave amid" && answer.statusCode === 200) break;
      if (end === "slow") await setImmediate();
    }
  } catch {
    // Cut, as planned.
  }
}

// ---------------------------------------------------------------- what is left behind

setFlagsFromString("--expose-gc");
const collect: () => void = runInNewContext("gc");

/** Bytes in use when all that can go is gone. */
async function heapBytes(): Promise<number> {
  for (let round = 0; round < 4; round += 1) {
    collect();
    // Weak references are cleared between turns.
    await setImmediate();
  }
  return process.memoryUsage().heapUsed;
}

const put = (name: string, value: unknown): void => {
  Object.defineProperty(globalThis, name, { value, configurable: true, writable: true });
};

/** Intervals that were set and not cleared. Not by mocks of Jest, which keep all they are given. */
function watchIntervals(): { readonly open: Set<unknown>; readonly restore: () => void } {
  const open = new Set<unknown>();
  const { setInterval: set, clearInterval: clear } = globalThis;
  put("setInterval", (...args: Parameters<typeof set>) => {
    const timer = set(...args);
    open.add(timer);
    return timer;
  });
  put("clearInterval", (timer: NodeJS.Timeout | undefined) => {
    open.delete(timer);
    clear(timer);
  });
  return {
    open,
    restore: () => {
      put("setInterval", set);
      put("clearInterval", clear);
    },
  };
}

const listenersOf = (socket: Socket): number =>
  socket.eventNames().reduce((sum, name) => sum + socket.listenerCount(name), 0);

/** What keeps the process alive, counted; Jest reads files meanwhile. */
function resources(): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const name of process.getActiveResourcesInfo()) {
    if (!name.startsWith("FSReq")) counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  return counts;
}

// ---------------------------------------------------------------- the ledger

test(`after ${String(EXCHANGES)} mixed exchanges the ledger adds up, and nothing is left behind`, async () => {
  const random = randomFrom(seed);
  const pick = <T>(from: readonly [T, ...T[]]): T =>
    from[Math.floor(random() * from.length)] ?? from[0];
  const callers = ["ann", "ben", "cat", "dan", "eva", "fay", "gus"] as const;
  const before = resources();
  const intervals = watchIntervals();
  const warnings: unknown[] = [];
  const onWarning = (warning: unknown): void => void warnings.push(warning);
  process.on("warning", onWarning);

  const store = memoryStore({ clock: manualClock().now, maxReservations: REMEMBERED });
  const limiter = createLimiter({
    store,
    limits: [
      { type: "count", window: "day", scope: "tenant", limit: 1_000_000, name: "count" },
      { type: "token", window: "day", scope: "tenant", limit: 1_000_000_000, name: "token" },
      { type: "inputToken", window: "day", scope: "tenant", limit: 1_000_000_000, name: "input" },
      { type: "outputToken", window: "day", scope: "tenant", limit: 1_000_000_000, name: "output" },
      // Refuses the last calls of some callers.
      { type: "count", window: "day", limit: Math.round(EXCHANGES / 7), name: "own" },
    ],
  });
  const sums = { count: 0, token: 0, inputToken: 0, outputToken: 0 };
  const sources: Record<string, number> = {};
  const told: Record<string, number> = { admitted: 0, refused: 0, settled: 0, released: 0 };
  const running = new Set<string>();
  let strangers = 0;
  limiter.subscribe((event) => {
    told[event.type] = (told[event.type] ?? 0) + 1;
    if (event.type === "admitted") running.add(String(event.decision.reservation?.id));
    if (event.type !== "settled") return;
    if (!running.delete(event.reservationId)) strangers += 1;
    sources[event.source] = (sources[event.source] ?? 0) + 1;
    for (const type of ["count", "token", "inputToken", "outputToken"] as const) {
      sums[type] += event.cost[type] ?? 0;
    }
  });

  const apps = [await startExpress(limiter), await startKoa(limiter), await startFastify(limiter)];
  const sockets = new Map<Socket, number>();
  for (const { server } of apps) {
    server.keepAliveTimeout = 0;
    server.on("connection", (socket: Socket) => {
      sockets.set(socket, 0);
      socket.once("close", () => sockets.delete(socket));
    });
  }
  const clients = apps.map(({ server }) => ({
    port: portOf(server),
    agent: new Agent({ keepAlive: true, maxSockets: AT_ONCE / apps.length }),
  }));

  const playMany = async (count: number): Promise<void> => {
    let left = count;
    const worker = async (client: Client): Promise<void> => {
      while (left > 0) {
        left -= 1;
        await play(client, {
          framing: pick(framings),
          end: pick(ends),
          caller: pick(callers),
          words: 1 + Math.floor(random() * 6),
          started: () => undefined,
        });
      }
    };
    const workers = Array.from({ length: AT_ONCE / clients.length }, async () =>
      Promise.all(clients.map(worker)),
    );
    await Promise.all(workers);
    // What clients have left is over for the server a few turns later.
    while (running.size > 0) await setImmediate();
  };

  await playMany(WARM_UP);
  const heapBefore = await heapBytes();
  const startMs = performance.now();
  await playMany(EXCHANGES - WARM_UP);
  const tookMs = performance.now() - startMs;

  const usages = limiter.usage({ tenant: "acme", caller: "nobody" });
  const shared = usages.filter(({ limit }) => limit !== "own");
  expect(Object.fromEntries(shared.map(({ type, current }) => [type, current]))).toStrictEqual(
    sums,
  );
  expect(usages.map(({ held }) => held)).toStrictEqual(usages.map(() => 0));
  let own = 0;
  for (const caller of callers) {
    const usage = limiter.usage({ tenant: "acme", caller }).find(({ limit }) => limit === "own");
    expect(usage?.held).toBe(0);
    own += usage?.current ?? 0;
  }
  expect(own).toBe(sums.count);
  expect(strangers).toBe(0);
  expect(told["released"]).toBe(0);
  expect(told["settled"]).toBe(told["admitted"]);
  expect(sums.count).toBe(told["admitted"]);
  expect(Number(told["admitted"]) + Number(told["refused"])).toBe(EXCHANGES);
  expect(told["refused"]).toBeGreaterThan(0);
  expect(Object.keys(sources).toSorted()).toStrictEqual([
    "counted",
    "estimated",
    "measured",
    "none",
  ]);
  expect(store.stats().openReservations).toBe(0);
  expect(intervals.open.size).toBe(0);

  await heapBytes();
  const alive = exchanges.filter((reference) => reference.deref() !== undefined).length;
  // A kept connection may keep the last exchange it had.
  expect(alive).toBeLessThanOrEqual(2 * sockets.size);
  exchanges.length = 0;
  const growth = (await heapBytes()) - heapBefore;
  expect(growth).toBeLessThan(MAX_GROWTH_BYTES);
  // Node's server, its parser and the adapters' own: not one for each exchange.
  const listeners = Math.max(0, ...[...sockets.keys()].map(listenersOf));
  expect(listeners).toBeLessThanOrEqual(MAX_LISTENERS);

  for (const { agent } of clients) agent.destroy();
  await Promise.all(apps.map(async ({ close }) => close()));
  while (sockets.size > 0) await setImmediate();
  limiter.close();
  for (let turn = 0; turn < 10; turn += 1) await setImmediate();
  const more = [...resources()].filter(([name, count]) => count > (before.get(name) ?? 0));
  expect(more).toStrictEqual([]);
  process.off("warning", onWarning);
  intervals.restore();
  expect(warnings).toStrictEqual([]);
  process.stdout.write(
    `${String(EXCHANGES)} exchanges, the last ${String(EXCHANGES - WARM_UP)} in ${(tookMs / 1000).toFixed(1)} s; ` +
      `${JSON.stringify({ ...told, ...sources, alive, listeners, growth })}\n`,
  );
}, 600_000);
