import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import {
  createServer,
  type IncomingHttpHeaders,
  type RequestListener,
  type Server,
} from "node:http";
import { createRequire } from "node:module";
import { type AddressInfo, connect } from "node:net";
import { join } from "node:path";
import { setImmediate } from "node:timers/promises";

import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import {
  type Cost,
  createLimiter,
  type Limiter,
  type MemoryStore,
  memoryStore,
  type Subject,
  type Usage,
} from "@tollgate/core";
import type { CostContext, Identity } from "@tollgate/core/http";
import { manualClock } from "@tollgate/core/testing";
import { type RateLimit as ExpressLimit, rateLimit as expressLimit } from "@tollgate/express";
import { rateLimit as fastifyLimit } from "@tollgate/fastify";
import { type RateLimit as KoaLimit, rateLimit as koaLimit } from "@tollgate/koa";
import fastify from "fastify";

// Both come without types of their own; what the adapters say about them is enough here.
type ExpressApp = Parameters<ExpressLimit>[0]["app"] & RequestListener;
type KoaContext = Parameters<KoaLimit>[0];
type KoaApp = KoaContext["app"];
const load = createRequire(join(__dirname, "hostile.test.ts"));
const express: (() => ExpressApp) & { json: () => ExpressLimit } = load("express");
const Koa: new () => KoaApp = load("koa");

const frameworks = ["express", "koa", "fastify"] as const;
type Framework = (typeof frameworks)[number];

const CALLS = 5000;
const TOKENS = 60_000;
const COST = 10;

// ---------------------------------------------------------------- the application under attack

/** A request as an application sees it, in any framework. */
interface View {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly query: unknown;
  readonly body: unknown;
}

const memberOf = (value: unknown, name: string): unknown =>
  typeof value === "object" && value !== null ? Reflect.get(value, name) : undefined;

// What applications in JavaScript return, whatever the types say.
const untyped = (value: unknown, name = "value") => Reflect.get({ value }, name);
const asIdentity = (value: unknown): Identity => untyped(value);
const asCost = (value: unknown): Cost => untyped(value);

const failing = {
  get user(): string {
    throw new RangeError("a getter of the application");
  },
};

const identities: Readonly<Record<string, () => unknown>> = {
  number: () => 42,
  boolean: () => true,
  array: () => ["user-of-array"],
  function: () => () => "user",
  symbol: () => Symbol("user"),
  getter: () => failing,
  throws: () => {
    throw new RangeError("identify of the application");
  },
  rejects: () => Promise.reject(new RangeError("identify of the application")),
  nothing: () => undefined,
  date: () => ({ user: new Date(0) }),
};

const costs: Readonly<Record<string, () => unknown>> = {
  negative: () => ({ token: -5 }),
  "negative-count": () => ({ count: -1 }),
  nan: () => ({ token: Number.NaN }),
  infinity: () => ({ token: Number.POSITIVE_INFINITY }),
  fraction: () => ({ token: 0.5 }),
  unsafe: () => ({ token: 2 ** 53 }),
  text: () => ({ token: "10" }),
  bigint: () => ({ token: 10n }),
  null: () => null,
  nothing: () => undefined,
  number: () => 500,
  string: () => "500",
  empty: () => "",
  array: () => [500],
  slip: () => ({ tokens: 500 }),
  proto: () => JSON.parse('{"__proto__":{"token":0}}'),
  undefined: () => ({ token: undefined }),
  throws: () => {
    throw new RangeError("cost of the application");
  },
  rejects: () => Promise.reject(new RangeError("cost of the application")),
  huge: () => ({ token: TOKENS + 1 }),
  most: () => ({ token: Number.MAX_SAFE_INTEGER }),
};

function identify({ path, headers, query, body }: View): Identity | Promise<Identity> {
  const [, kind, which = ""] = path.split("/");
  if (kind === "query") return asIdentity({ user: memberOf(query, "user") });
  if (kind === "body") return asIdentity({ user: memberOf(body, "user") });
  if (kind === "raw") return asIdentity(body);
  if (kind === "returns") return asIdentity(identities[which]?.());
  return asIdentity({ user: headers["x-user"], tenant: headers["x-tenant"] });
}

function costOf({ path }: View, { contentLength = 0 }: CostContext): Cost | Promise<Cost> {
  const [, kind, which = ""] = path.split("/");
  if (kind === "cost") return asCost(costs[which]?.());
  return { token: kind === "length" ? contentLength : COST };
}

interface Url {
  readonly url: string;
}

interface Setup {
  readonly limiter: Limiter;
  readonly byAddress: boolean;
  readonly maxHeaderSize: number;
}

interface Running {
  readonly port: number;
  readonly close: () => Promise<void>;
}

async function listening(server: Server): Promise<Running> {
  const port = await new Promise<number>((resolve) => {
    server.listen(0, "127.0.0.1", () => {
      const address: AddressInfo | string | null = server.address();
      resolve(typeof address === "object" && address !== null ? address.port : 0);
    });
  });
  return {
    port,
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => {
          resolve();
        });
      }),
  };
}

const LARGEST_BODY = 100_000;

// Koa has no parser of its own; this does what those for it do.
async function parseForKoa(ctx: KoaContext): Promise<void> {
  if (ctx.request.type !== "application/json") return;
  const chunks: Buffer[] = [];
  for await (const chunk of ctx.req) chunks.push(Buffer.from(chunk));
  const text = Buffer.concat(chunks);
  if (text.length > LARGEST_BODY) ctx.throw(413);
  try {
    Reflect.set(ctx.request, "body", JSON.parse(text.toString()));
  } catch {
    ctx.throw(400);
  }
}

const viewOfKoa = ({ path, headers, query, request }: KoaContext): View => ({
  path,
  headers,
  query,
  body: memberOf(request, "body"),
});

const viewOfFastify = ({ url, headers, query, body }: Omit<View, "path"> & Url): View => ({
  path: url.split("?", 1)[0] ?? "",
  headers,
  query,
  body,
});

const servers: Readonly<Record<Framework, (setup: Setup) => Promise<Running>>> = {
  express: ({ limiter, byAddress, maxHeaderSize }) => {
    const app = express();
    app.set("trust proxy", "loopback");
    app.use(express.json());
    app.use(
      expressLimit({
        limiter,
        ...(byAddress
          ? {}
          : {
              identify: (req) => identify(req),
              cost: (req, context) => costOf(req, context),
            }),
      }),
    );
    app.use((_, res) => {
      res.json({ ok: true });
    });
    return listening(createServer({ maxHeaderSize }, app));
  },
  koa: ({ limiter, byAddress, maxHeaderSize }) => {
    const app = new Koa();
    app.silent = true;
    app.proxy = true;
    app.maxIpsCount = 1;
    app.use(async (ctx, next) => {
      await parseForKoa(ctx);
      await next();
    });
    app.use(
      koaLimit({
        limiter,
        ...(byAddress
          ? {}
          : {
              identify: (ctx) => identify(viewOfKoa(ctx)),
              cost: (ctx, context) => costOf(viewOfKoa(ctx), context),
            }),
      }),
    );
    app.use((ctx) => {
      ctx.body = { ok: true };
    });
    const handle = app.callback();
    return listening(
      createServer({ maxHeaderSize }, (req, res) => {
        void handle(req, res);
      }),
    );
  },
  fastify: async ({ limiter, byAddress, maxHeaderSize }) => {
    const app = fastify({ http: { maxHeaderSize }, trustProxy: "127.0.0.1" });
    await app.register(fastifyLimit, {
      limiter,
      ...(byAddress
        ? {}
        : {
            identify: (call) => identify(viewOfFastify(call)),
            cost: (call, context) => costOf(viewOfFastify(call), context),
          }),
    });
    app.all("/*", async () => ({ ok: true }));
    await app.listen({ port: 0, host: "127.0.0.1" });
    const address: AddressInfo | string | null = app.server.address();
    const port = typeof address === "object" && address !== null ? address.port : 0;
    return { port, close: () => app.close() };
  },
};

// ------------------------------------------------------------------------------ the attacker

interface Answer {
  /** 0 when the connection ended without one, -1 when nothing came for five seconds. */
  readonly status: number;
  /** Status line and fields. */
  readonly head: string;
  readonly body: string;
}

/** Sends bytes as they are. @param half says at once that no more will come */
function send(port: number, bytes: Buffer | string, half = false): Promise<Answer> {
  return new Promise((resolve) => {
    const received: Buffer[] = [];
    let silent = false;
    const socket = connect(port, "127.0.0.1");
    socket.setTimeout(5000, () => {
      silent = true;
      socket.destroy();
    });
    socket.on("data", (chunk) => received.push(chunk));
    // A reset is how some servers end a connection; `close` follows.
    socket.on("error", () => undefined);
    socket.on("close", () => {
      const [head = "", ...rest] = Buffer.concat(received).toString("latin1").split("\r\n\r\n");
      const [, status] = /^HTTP\/1\.1 (\d{3})/.exec(head) ?? [];
      resolve({
        status: silent ? -1 : Number(status ?? 0),
        head,
        body: rest.join("\r\n\r\n"),
      });
    });
    if (half) socket.end(bytes);
    else socket.write(bytes);
  });
}

type Lines = readonly (string | readonly [name: string, value: string])[];

/** A request by its lines; text is written as latin1, so that a character is a byte. */
function request(line: string, lines: Lines = [], body = "", last = true): Buffer {
  const fields = lines.map((field) => (typeof field === "string" ? field : field.join(": ")));
  const all = [line, "Host: tollgate.test", ...fields, ...(last ? ["Connection: close"] : [])];
  const head = Buffer.from(`${all.join("\r\n")}\r\n\r\n`, "latin1");
  return Buffer.concat([head, Buffer.from(body)]);
}

const get = (target: string, lines: Lines = []) => request(`GET ${target} HTTP/1.1`, lines);
const byUser = (user: string, lines: Lines = []) => get("/header", [["X-User", user], ...lines]);
const byQuery = (user: string) => get(`/query?user=${user}`);
const post = (target: string, body: string, lines: Lines = [], type = "application/json") =>
  request(
    `POST ${target} HTTP/1.1`,
    [["Content-Type", type], ["Content-Length", String(Buffer.byteLength(body))], ...lines],
    body,
  );
const spends = (kind: string) => get(`/cost/${kind}`, [["X-User", "spender"]]);

interface Charge {
  readonly to: Subject;
  readonly count: number;
  readonly token: number;
}

interface Outcome {
  readonly status: number;
  readonly charges: readonly Charge[];
}

interface Row {
  readonly what: string;
  readonly bytes: Buffer | string;
  readonly outcome: Outcome | Readonly<Record<Framework, Outcome>>;
  /** Whom an imitation, a folding or a join of keys would have charged. */
  readonly untouched?: readonly Subject[];
  readonly half?: boolean;
}

/** Who asked was let in, and paid for it. */
const pays = (user: string, count = 1, token = COST * count): Outcome => ({
  status: 200,
  charges: [{ to: { user }, count, token }],
});
/** Answered without running anything, and without a charge. */
const turnedAway = (status: number): Outcome => ({ status, charges: [] });
const missing = turnedAway(400);
const bug = turnedAway(500);

const latin1 = (text: string): string => Buffer.from(text).toString("latin1");
const long = "x".repeat(10_000);
const hashOf = (id: string): string =>
  `#${createHash("sha256").update(id, "utf16le").digest("base64url")}`;
/** Ids that must be taken for what they are, byte for byte. */
const literal = (id: string): Row => ({
  what: `id ${id.length > 40 ? `of ${String(id.length)} characters` : id}`,
  bytes: byUser(id),
  outcome: pays(id),
});

const idRows: readonly Row[] = [
  literal(long),
  literal("a".repeat(64)),
  { ...literal("a".repeat(65)), untouched: [{ user: "a".repeat(64) }] },
  literal("__proto__"),
  literal("constructor"),
  literal("hasOwnProperty"),
  literal("toString"),
  literal("undefined"),
  literal("{user}:1"),
  literal("[a-z]*?"),
  literal("../../../etc/passwd"),
  literal("'; DROP TABLE cells; --"),
  literal("%00%0d%0a"),
  literal("00042"),
  { ...literal("42"), untouched: [{ user: "00042" }] },
  literal("two  blanks"),
  { ...literal("ALICE"), untouched: [{ user: "alice" }] },
  literal("${jndi:ldap://x}"),
  literal("#global"),
  literal("#unknown"),
  { ...literal(hashOf(long)), what: "id like the hash of a long one", untouched: [{ user: long }] },
  {
    what: "id with blanks around it, which HTTP takes off",
    bytes: byUser("  padded\t "),
    outcome: pays("padded"),
  },
  {
    what: "id of emoji bytes",
    bytes: byUser(latin1("🚀")),
    outcome: pays(latin1("🚀")),
    untouched: [{ user: "🚀" }],
  },
  {
    what: "id of bytes that are no UTF-8",
    bytes: byUser("\xff\xfe\x80"),
    outcome: pays("\xff\xfe\x80"),
  },
  { what: "id sent twice", bytes: byUser("one", [["X-User", "two"]]), outcome: pays("one, two") },
  {
    what: "id sent 300 times",
    bytes: byUser(
      "n",
      Array.from({ length: 299 }, () => ["X-User", "n"] as const),
    ),
    outcome: pays(Array.from({ length: 300 }, () => "n").join(", ")),
  },
  {
    what: "tenant a:b, user c",
    bytes: byUser("c", [["X-Tenant", "a:b"]]),
    outcome: {
      status: 200,
      charges: [{ to: { tenant: "a:b", user: "c" }, count: 1, token: COST }],
    },
    untouched: [{ tenant: "a", user: "b:c" }, { user: "a:b:c" }, { user: "c" }],
  },
  {
    what: "tenant a, user b:c",
    bytes: byUser("b:c", [["X-Tenant", "a"]]),
    outcome: {
      status: 200,
      charges: [{ to: { tenant: "a", user: "b:c" }, count: 1, token: COST }],
    },
    untouched: [{ tenant: "a:b", user: "c" }],
  },
  {
    what: "user that imitates a pair of tenant and id",
    bytes: byUser("#1:ab:c"),
    outcome: pays("#1:ab:c"),
    untouched: [{ tenant: "a", user: "b:c" }],
  },
  { what: "no id", bytes: get("/header"), outcome: missing },
  { what: "id empty", bytes: byUser(""), outcome: missing },
  {
    what: "id in the query with CR LF and a header",
    bytes: byQuery("%0d%0aSet-Cookie:%20injected=1"),
    outcome: pays("\r\nSet-Cookie: injected=1"),
  },
  { what: "id in the query: NUL", bytes: byQuery("%00"), outcome: pays("\0") },
  {
    what: "id in the query: U+202E",
    bytes: byQuery("%E2%80%AEnimda"),
    outcome: pays("\u202Enimda"),
  },
  {
    what: "id in the query: e and a combining accent",
    bytes: byQuery("e%CC%81"),
    outcome: pays("e\u0301"),
    untouched: [{ user: "\u00E9" }],
  },
  { what: "id in the query: no-break space", bytes: byQuery("%C2%A0"), outcome: pays("\u00A0") },
  { what: "id in the query: percent without digits", bytes: byQuery("%zz"), outcome: pays("%zz") },
  {
    what: "id in the query: bytes that are no UTF-8",
    bytes: byQuery("%ff"),
    outcome: { express: pays("\uFFFD"), koa: pays("\uFFFD"), fastify: pays("%ff") },
  },
  { what: "id in the query, twice", bytes: get("/query?user=a&user=b"), outcome: bug },
  { what: "id in the query, as a list", bytes: get("/query?user[]=a"), outcome: missing },
  {
    what: "id in the query, __proto__ before it",
    bytes: get("/query?__proto__=root&user=after-proto"),
    outcome: pays("after-proto"),
    untouched: [{ user: "root" }],
  },
  { what: "id in the query, empty", bytes: byQuery(""), outcome: missing },
];

const twice = (status: number, user: string) => ({
  express: pays(user),
  koa: pays(user),
  fastify: turnedAway(status),
});

const bodyRows: readonly Row[] = [
  {
    what: "id in the body: lone surrogate U+D800",
    bytes: post("/body", String.raw`{"user":"\ud800"}`),
    outcome: pays("\uD800"),
    untouched: [{ user: "\uD801" }, { user: "\uFFFD\uFFFD" }],
  },
  {
    what: "id in the body: lone surrogate U+D801",
    bytes: post("/body", String.raw`{"user":"\ud801"}`),
    outcome: pays("\uD801"),
    untouched: [{ user: "\uD800" }],
  },
  {
    what: "id in the body: 70 lone surrogates",
    bytes: post("/body", `{"user":"${String.raw`\udfff`.repeat(70)}"}`),
    outcome: pays("\uDFFF".repeat(70)),
    untouched: [{ user: "\uFFFD".repeat(70) }, { user: "\uDFFE".repeat(70) }],
  },
  {
    what: "id in the body: NUL, CR, LF",
    bytes: post("/body", String.raw`{"user":"\u0000\r\n"}`),
    outcome: pays("\0\r\n"),
  },
  {
    what: "id in the body: an object",
    bytes: post("/body", '{"user":{"toString":"x","length":3}}'),
    outcome: bug,
  },
  { what: "id in the body: a number", bytes: post("/body", '{"user":42}'), outcome: bug },
  { what: "id in the body: a list", bytes: post("/body", '{"user":["a"]}'), outcome: bug },
  { what: "id in the body: null", bytes: post("/body", '{"user":null}'), outcome: missing },
  {
    what: "__proto__ in the body",
    bytes: post("/raw", '{"__proto__":{"user":"admin"}}'),
    outcome: missing,
    untouched: [{ user: "admin" }],
  },
  {
    what: "constructor.prototype in the body",
    bytes: post("/raw", '{"user":"polluter","constructor":{"prototype":{"user":"admin"}}}'),
    outcome: twice(400, "polluter"),
    untouched: [{ user: "admin" }],
  },
  {
    what: "identity by the whole body: ids of scopes that nobody uses",
    bytes: post("/raw", '{"user":"own-scopes","hasOwnProperty":"x","valueOf":5,"ip":{"a":1}}'),
    outcome: pays("own-scopes"),
  },
  { what: "identity by the whole body: a list", bytes: post("/raw", '["a"]'), outcome: bug },
  { what: "identity by the whole body: a string", bytes: post("/raw", '"a"'), outcome: missing },
  { what: "identity by the whole body: null", bytes: post("/raw", "null"), outcome: missing },
  {
    what: "identity by the whole body: 5000 nested lists",
    bytes: post("/raw", "[".repeat(5000) + "]".repeat(5000)),
    outcome: bug,
  },
  { what: "JSON cut short", bytes: post("/body", '{"user":'), outcome: turnedAway(400) },
  { what: "JSON of NUL bytes", bytes: post("/body", "\0\0\0\0"), outcome: turnedAway(400) },
  { what: "JSON empty", bytes: post("/body", ""), outcome: turnedAway(400) },
  {
    what: "JSON under a wrong type",
    bytes: post("/body", '{"user":"typed"}', [], "text/xml"),
    outcome: { express: missing, koa: missing, fastify: turnedAway(415) },
    untouched: [{ user: "typed" }],
  },
  {
    what: "a type that is none",
    bytes: post("/body", '{"user":"typed"}', [], ";;;=,"),
    outcome: { express: missing, koa: missing, fastify: turnedAway(415) },
  },
  {
    what: "gzip that is none",
    bytes: post("/body", "not gzip", [["Content-Encoding", "gzip"]]),
    outcome: turnedAway(400),
  },
  {
    what: "JSON of 150 kB",
    bytes: post("/body", JSON.stringify({ user: "large", filler: "f".repeat(150_000) })),
    outcome: { express: turnedAway(413), koa: turnedAway(413), fastify: pays("large") },
  },
  {
    what: "body cut short, connection half closed",
    bytes: request(
      "POST /body HTTP/1.1",
      [
        ["Content-Type", "application/json"],
        ["Content-Length", "100"],
      ],
      '{"user":"cut"',
    ),
    half: true,
    outcome: turnedAway(400),
    untouched: [{ user: "cut" }],
  },
  {
    what: "chunks without a size",
    bytes: request(
      "POST /body HTTP/1.1",
      [
        ["Content-Type", "application/json"],
        ["Transfer-Encoding", "chunked"],
      ],
      "zz\r\n{}\r\n",
    ),
    outcome: turnedAway(400),
  },
  {
    what: "a chunk of 2^64 bytes",
    bytes: request(
      "POST /body HTTP/1.1",
      [
        ["Content-Type", "application/json"],
        ["Transfer-Encoding", "chunked"],
      ],
      "10000000000000000\r\n{}\r\n",
    ),
    outcome: turnedAway(400),
  },
  {
    what: "length and chunks together",
    bytes: request(
      "POST /header HTTP/1.1",
      [
        ["X-User", "smuggler"],
        ["Content-Length", "4"],
        ["Transfer-Encoding", "chunked"],
      ],
      "0\r\n\r\n",
    ),
    outcome: turnedAway(400),
    untouched: [{ user: "smuggler" }],
  },
];

const rawLine = (line: string, user = "liner") => request(line, [["X-User", user]]);
const lengths = (...values: readonly string[]) =>
  request("GET /length HTTP/1.1", [
    ["X-User", "measurer"],
    ...values.map((value) => ["Content-Length", value] as const),
  ]);

const wireRows: readonly Row[] = [
  { what: "header with NUL", bytes: byUser("a\0b"), outcome: turnedAway(400) },
  { what: "header with a bare CR", bytes: byUser("a\rX-Injected: 1"), outcome: turnedAway(400) },
  { what: "header with DEL", bytes: byUser("a\x7Fb"), outcome: turnedAway(400) },
  { what: "header with ESC", bytes: byUser("a\x1B[2Jb"), outcome: turnedAway(400) },
  {
    what: "header folded over two lines",
    bytes: get("/header", ["X-User: folded", " X-Injected: 1"]),
    outcome: turnedAway(400),
    untouched: [{ user: "folded" }],
  },
  {
    what: "header with CR LF, which is one header more",
    bytes: byUser("real\r\nX-Injected: 1"),
    outcome: pays("real"),
  },
  {
    what: "header name with a blank",
    bytes: get("/header", ["X User: a"]),
    outcome: turnedAway(400),
  },
  { what: "header without a name", bytes: get("/header", [": a"]), outcome: turnedAway(400) },
  { what: "header without a colon", bytes: get("/header", ["X-User"]), outcome: turnedAway(400) },
  {
    what: "header __proto__",
    bytes: byUser("header-proto", [
      ["__proto__", "x"],
      ["constructor", "y"],
    ]),
    outcome: pays("header-proto"),
  },
  {
    what: "header of 15,800 bytes, just below Node's maxHeaderSize",
    bytes: byUser("h".repeat(15_800)),
    outcome: pays("h".repeat(15_800)),
  },
  {
    what: "header of 16,400 bytes, above Node's maxHeaderSize",
    bytes: byUser("h".repeat(16_400)),
    outcome: turnedAway(431),
    untouched: [{ user: "h".repeat(16_400) }],
  },
  {
    what: "path of 15,000 bytes",
    bytes: rawLine(`GET /${"p".repeat(15_000)} HTTP/1.1`),
    outcome: pays("liner"),
  },
  {
    what: "absolute-form URL of another host",
    bytes: rawLine("GET http://evil.test/header?x=1 HTTP/1.1"),
    outcome: pays("liner"),
  },
  {
    what: "path of slashes",
    bytes: rawLine("GET ///..//%2e%2e/header HTTP/1.1"),
    outcome: pays("liner"),
  },
  { what: "method FOO", bytes: rawLine("FOO /header HTTP/1.1"), outcome: turnedAway(400) },
  { what: "method get", bytes: rawLine("get /header HTTP/1.1"), outcome: turnedAway(400) },
  {
    what: "method PURGE, which Fastify has no route for: asking is not free",
    bytes: rawLine("PURGE /header HTTP/1.1"),
    outcome: {
      express: pays("liner"),
      koa: pays("liner"),
      fastify: { status: 404, charges: [{ to: { user: "liner" }, count: 1, token: 0 }] },
    },
  },
  {
    what: "method CONNECT",
    bytes: rawLine("CONNECT evil.test:443 HTTP/1.1"),
    outcome: turnedAway(0),
  },
  { what: "method HEAD", bytes: rawLine("HEAD /header HTTP/1.1"), outcome: pays("liner") },
  { what: "HTTP/1.0", bytes: rawLine("GET /header HTTP/1.0"), outcome: pays("liner") },
  { what: "HTTP/0.9", bytes: "GET /header\r\n\r\n", outcome: turnedAway(400) },
  { what: "HTTP/9.9", bytes: rawLine("GET /header HTTP/9.9"), outcome: turnedAway(400) },
  { what: "HTTP/2 preface", bytes: "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", outcome: turnedAway(400) },
  {
    what: "a TLS greeting",
    bytes: Buffer.from("16030100a5010000a10303", "hex"),
    half: true,
    outcome: turnedAway(400),
  },
  {
    what: "no Host",
    bytes: "GET /header HTTP/1.1\r\nX-User: hostless\r\nConnection: close\r\n\r\n",
    outcome: turnedAway(400),
  },
  { what: "Host twice", bytes: byUser("liner", [["Host", "evil.test"]]), outcome: pays("liner") },
  {
    what: "Expect: nonsense",
    bytes: byUser("liner", [["Expect", "nonsense"]]),
    outcome: turnedAway(417),
  },
  {
    what: "Upgrade: websocket",
    bytes: byUser("liner", [["Upgrade", "websocket"]]),
    outcome: pays("liner"),
  },
  { what: "Content-Length: -1", bytes: lengths("-1"), outcome: turnedAway(400) },
  { what: "Content-Length twice", bytes: lengths("1", "2"), outcome: turnedAway(400) },
  {
    what: "Content-Length: 2^64",
    bytes: lengths("18446744073709551616"),
    outcome: turnedAway(400),
  },
  {
    what: "Content-Length: 10^17, as a cost",
    bytes: lengths("100000000000000000"),
    outcome: turnedAway(429),
  },
  {
    what: "two requests in one packet",
    bytes: Buffer.concat([
      request("GET /header HTTP/1.1", [["X-User", "pipeliner"]], "", false),
      byUser("pipeliner"),
    ]),
    outcome: pays("pipeliner", 2),
  },
  {
    what: "Origin of 5000 characters",
    bytes: byUser("page", [["Origin", `https://${"o".repeat(5000)}`]]),
    outcome: pays("page"),
  },
  {
    what: "Origin: null, twice",
    bytes: byUser("page", [
      ["Origin", "null"],
      ["Origin", "*"],
    ]),
    outcome: pays("page"),
  },
  {
    what: "Access-Control-Request-Method on a GET",
    bytes: byUser("page", [["Access-Control-Request-Method", "GET"]]),
    outcome: pays("page"),
  },
  {
    what: "OPTIONS that is no preflight",
    bytes: rawLine("OPTIONS /header HTTP/1.1"),
    outcome: pays("liner"),
  },
  {
    what: "OPTIONS that is a preflight: passes unmetered, unless skipPreflights is false",
    bytes: request("OPTIONS /header HTTP/1.1", [
      ["Origin", "https://a.test"],
      ["Access-Control-Request-Method", "DELETE"],
    ]),
    outcome: turnedAway(200),
  },
  {
    what: "proxy list that is garbage",
    bytes: byUser("proxied", [["X-Forwarded-For", "not, an, address"]]),
    outcome: pays("proxied"),
  },
  {
    what: "proxy list of 15,000 bytes",
    bytes: byUser("proxied", [["X-Forwarded-For", "9.9.9.9,".repeat(1870)]]),
    outcome: pays("proxied"),
  },
];

const identityRows: readonly Row[] = Object.keys(identities).map((kind) => ({
  what: `identify: ${kind}`,
  bytes: get(`/returns/${kind}`),
  outcome: kind === "nothing" ? missing : bug,
}));

const impossible = new Set(["huge", "most"]);
const costRows: readonly Row[] = Object.keys(costs).map((kind) => ({
  what: `cost: ${kind}`,
  bytes: spends(kind),
  outcome: impossible.has(kind) ? turnedAway(429) : bug,
  untouched: [{ user: "spender" }],
}));

const rows: readonly Row[] = [...idRows, ...bodyRows, ...wireRows, ...identityRows, ...costRows];

const forwarded = (list: string): Buffer => get("/", [["X-Forwarded-For", list]]);
const paysFrom = (ip: string): Outcome => ({
  status: 200,
  charges: [{ to: { ip }, count: 1, token: 0 }],
});

const addressRows: readonly Row[] = [
  {
    what: "addresses before the proxy's own entry",
    bytes: forwarded("1.1.1.1, 8.8.8.8, 203.0.113.9"),
    outcome: paysFrom("203.0.113.9"),
    untouched: [{ ip: "1.1.1.1" }, { ip: "8.8.8.8" }],
  },
  {
    what: "address with a port",
    bytes: forwarded("203.0.113.9:4444"),
    outcome: paysFrom("203.0.113.9"),
  },
  {
    what: "address mapped into IPv6",
    bytes: forwarded("::ffff:203.0.113.10"),
    outcome: paysFrom("203.0.113.10"),
  },
  {
    what: "address of an IPv6 network",
    bytes: forwarded("2001:db8:0:12ff::1"),
    outcome: paysFrom("2001:db8:0:1200::/56"),
  },
  { what: "address that is none", bytes: forwarded("203.0.113.999"), outcome: missing },
  { what: "address __proto__", bytes: forwarded("__proto__"), outcome: missing },
  {
    what: "address with a zone of 15,000 characters",
    bytes: forwarded(`fe80::1%${"%".repeat(15_000)}`),
    outcome: paysFrom("fe80::/56"),
  },
  {
    what: "list of 15,000 bytes",
    bytes: forwarded(`${"9.9.9.9, ".repeat(1650)}203.0.113.11`),
    outcome: paysFrom("203.0.113.11"),
    untouched: [{ ip: "9.9.9.9" }],
  },
  {
    what: "list in two headers",
    bytes: get("/", [
      ["X-Forwarded-For", "1.1.1.1"],
      ["X-Forwarded-For", "203.0.113.12"],
    ]),
    outcome: paysFrom("203.0.113.12"),
    untouched: [{ ip: "1.1.1.1" }],
  },
  {
    what: "other headers that name an address",
    bytes: get("/", [
      ["X-Forwarded-For", "203.0.113.13"],
      ["X-Real-IP", "1.1.1.1"],
      ["CF-Connecting-IP", "1.1.1.1"],
      ["Forwarded", "for=1.1.1.1"],
      ["X-Client-IP", "1.1.1.1"],
    ]),
    outcome: paysFrom("203.0.113.13"),
    untouched: [{ ip: "1.1.1.1" }],
  },
];

const MEBIBYTE = 2 ** 20;
const largeRows: readonly Row[] = [
  {
    what: "header of 1,000,000 bytes, below a maxHeaderSize of 1 MiB",
    bytes: byUser("m".repeat(1_000_000)),
    outcome: pays("m".repeat(1_000_000)),
  },
  {
    what: "header of 1,100,000 bytes, above a maxHeaderSize of 1 MiB",
    bytes: byUser("m".repeat(1_100_000)),
    outcome: turnedAway(431),
  },
  {
    what: "proxy list of 50 kB",
    bytes: byUser("proxied", [["X-Forwarded-For", "9.9.9.9, ".repeat(5600)]]),
    outcome: pays("proxied"),
  },
  {
    what: "proxy list of 900 kB of commas",
    bytes: byUser("proxied", [["X-Forwarded-For", ",".repeat(900_000)]]),
    outcome: pays("proxied"),
  },
  {
    what: "Origin of 900 kB",
    bytes: byUser("page", [["Origin", "o".repeat(900_000)]]),
    outcome: pays("page"),
  },
  {
    what: "1500 other headers",
    bytes: byUser(
      "crowd",
      Array.from({ length: 1500 }, (_, n) => [`X-${String(n)}`, "v"] as const),
    ),
    outcome: pays("crowd"),
  },
];

// ---------------------------------------------------------------------------------- the trial

interface Stage {
  readonly store: MemoryStore;
  readonly limiter: Limiter;
  readonly running: Running;
  /** How often the caller who behaves has called. */
  served: number;
}

const kinds = {
  ids: { rows, byAddress: false, maxHeaderSize: 16_384 },
  addresses: { rows: addressRows, byAddress: true, maxHeaderSize: 16_384 },
  large: { rows: largeRows, byAddress: false, maxHeaderSize: MEBIBYTE },
} as const;
type Kind = keyof typeof kinds;

const MOST_KEYS = 1000;

async function raise(framework: Framework, kind: Kind): Promise<Stage> {
  const { byAddress, maxHeaderSize } = kinds[kind];
  const scope = byAddress ? "ip" : "user";
  const store = memoryStore({ clock: manualClock().now, maxKeys: MOST_KEYS, maxReservations: 300 });
  const all = {
    type: "count",
    window: "hour",
    limit: 999_999,
    scope: "global",
    name: "all",
  } as const;
  const calls = { type: "count", window: "hour", limit: CALLS, scope, name: "calls" } as const;
  const tokens = { type: "token", window: "hour", limit: TOKENS, scope, name: "tokens" } as const;
  const limiter = createLimiter({ store, limits: byAddress ? [calls, all] : [calls, tokens, all] });
  const running = await servers[framework]({ limiter, byAddress, maxHeaderSize });
  return { store, limiter, running, served: 0 };
}

async function usedBy(
  limiter: Limiter,
  subject: Subject,
): Promise<Readonly<Record<string, number>>> {
  const usages: readonly Usage[] = await limiter.usage(subject);
  return Object.fromEntries(usages.map(({ limit, current }) => [limit, current]));
}

/** A call of somebody who behaves, and what is left to them by the headers they get. */
async function behave({ running }: Stage, byAddress: boolean): Promise<readonly number[]> {
  const who = byAddress ? ["X-Forwarded-For", "198.51.100.1"] : ["X-User", "compliant"];
  const { status, head } = await send(running.port, get("/header", [who.join(": ")]));
  const left = ["calls", "tokens"].map((name) =>
    Number(new RegExp(`^RateLimit:.*"${name}";r=(\\d+)`, "im").exec(head)?.[1]),
  );
  return byAddress ? [status, ...left.slice(0, 1)] : [status, ...left];
}

/** A hold ends when the response is closed, which the client may see a moment earlier. */
async function settled({ store }: Stage): Promise<void> {
  for (let turn = 0; turn < 1000 && store.stats().openReservations > 0; turn += 1) {
    await setImmediate();
  }
}

const outcomeOf = ({ outcome }: Row, framework: Framework): Outcome =>
  "status" in outcome ? outcome : outcome[framework];

// The rows as people read them; written anew with TOLLGATE_WRITE_TABLES=1, then formatted.
const page = join(__dirname, "bad-input.md");
const ascii = (text: string): string =>
  text.replaceAll(
    /[^\x20-\x7e]/gu,
    (character) => `U+${character.codePointAt(0)?.toString(16).toUpperCase().padStart(4, "0")}`,
  );

function inWords({ status, charges }: Outcome): string {
  const answer = status === 0 ? "closed" : String(status);
  const [first] = charges;
  if (first === undefined) return `${answer}, nothing`;
  return `${answer}, ${String(first.count)} call${first.count === 1 ? "" : "s"} and ${String(first.token)} tokens`;
}

function inAll(row: Row): string {
  if ("status" in row.outcome) return inWords(row.outcome);
  const { outcome } = row;
  return frameworks.map((name) => `${name}: ${inWords(outcome[name])}`).join("; ");
}

const table = [
  "| server | request | status and charge |",
  "| - | - | - |",
  ...Object.entries(kinds).flatMap(([kind, { rows: attacks }]) =>
    attacks.map((row) => `| ${kind} | \`${ascii(row.what)}\` | ${inAll(row)} |`),
  ),
].join("\n");
const section = /(?<=<!-- requests -->\n\n)[^]*?(?=\n\n<!-- end -->)/;
const flat = (text: string): string => text.replaceAll(/ +/g, " ").replaceAll(/-+/g, "-");

test("test/bad-input.md shows the hostile requests as they are here, forty and more", () => {
  expect(rows.length).toBeGreaterThanOrEqual(40);
  expect(new Set(rows.map(({ what }) => what)).size).toBe(rows.length);
  if (process.env["TOLLGATE_WRITE_TABLES"] === "1") {
    writeFileSync(
      page,
      readFileSync(page, "utf8").replace(section, () => table),
    );
  }
  const [shown = ""] = section.exec(readFileSync(page, "utf8")) ?? [];
  expect(flat(shown)).toBe(flat(table));
});

// The same frameworks in a process of their own, since Jest catches what would end this one.
const program = `
  import { createServer } from "node:http";
  import express from "express";
  import fastify from "fastify";
  import Koa from "koa";
  import { rateLimit as forExpress } from "@tollgate/express";
  import { rateLimit as forFastify } from "@tollgate/fastify";
  import { rateLimit as forKoa } from "@tollgate/koa";

  const options = {
    limits: [
      { type: "count", window: "hour", limit: 1e6, scope: "user" },
      { type: "token", window: "hour", limit: 1e9, scope: "user" },
    ],
    identify: async ({ url, headers, query, body }) => {
      if (url.startsWith("/returns")) throw new RangeError("identify");
      return body ?? { user: headers["x-user"] ?? query.user };
    },
    cost: async ({ url }) => {
      if (url.startsWith("/cost")) throw new RangeError("cost");
      return { token: 1 };
    },
  };
  const first = express().set("trust proxy", true).use(express.json(), forExpress(options));
  first.use((req, res) => res.json({ ok: true }));
  const second = Object.assign(new Koa(), { silent: true, proxy: true }).use(forKoa(options));
  second.use((ctx) => Object.assign(ctx, { body: { ok: true } }));
  const third = fastify({ trustProxy: true });
  await third.register(forFastify, options);
  third.all("/*", async () => ({ ok: true }));
  await third.ready();
  const servers = [createServer(first), createServer(second.callback()), third.server];
  for (const server of servers) await new Promise((go) => server.listen(0, "127.0.0.1", go));
  process.stdout.write(JSON.stringify(servers.map((server) => server.address().port)));
`;

test("a process with all three frameworks survives all of them, and says nothing", async () => {
  const child = spawn(
    process.execPath,
    ["--conditions=@tollgate/source", "--import=tsx", "--input-type=module", "--eval", program],
    { cwd: __dirname, env: { ...process.env, NODE_OPTIONS: "--no-warnings" } },
  );
  try {
    const said: string[] = [];
    child.stderr.on("data", (chunk) => said.push(String(chunk)));
    const ports = await new Promise<readonly number[]>((resolve, reject) => {
      child.stdout.once("data", (chunk) => {
        resolve(JSON.parse(String(chunk)));
      });
      child.once("exit", () => {
        reject(new Error(said.join("")));
      });
    });
    for (const port of ports) {
      const attacks = [...rows, ...addressRows].map(async ({ bytes, half }) =>
        send(port, bytes, half),
      );
      expect((await Promise.all(attacks)).map(({ status }) => status)).not.toContain(-1);
      const { status, head } = await send(port, byUser("compliant"));
      expect([status, /^x-ratelimit-remaining: (\d+)/im.exec(head)?.[1]]).toEqual([200, "999999"]);
    }
    expect(said.join("")).toBe("");
    expect([child.exitCode, child.signalCode]).toEqual([null, null]);
  } finally {
    child.kill();
  }
});

/** Collected garbage does not count; what is left after two rounds is held by somebody. */
async function heapBytes(): Promise<number> {
  await setImmediate();
  if (globalThis.gc === undefined) throw new Error("run with --expose-gc");
  await globalThis.gc({ type: "major", execution: "async" });
  await globalThis.gc({ type: "major", execution: "async" });
  return process.memoryUsage().heapUsed;
}

const REPETITIONS = 20;
/**
 * Of some 3000 requests. Caches settle at 0.4 to 1.5 MB, after 80 repetitions as after 20; keeping
 * each request made it 13 MB and more.
 */
const MOST_GROWTH = 4_000_000;

describe.each(frameworks)("%s under all of them, again and again", (framework) => {
  let stage: Stage;

  beforeAll(async () => {
    stage = await raise(framework, "ids");
  });

  afterAll(async () => {
    await stage.running.close();
  });

  async function repeat(times: number): Promise<void> {
    for (let n = 0; n < times; n += 1) {
      const answers = rows.map(async ({ bytes, half }) => send(stage.running.port, bytes, half));
      const statuses = (await Promise.all(answers)).map(({ status }) => status);
      expect(statuses).toEqual(rows.map((row) => outcomeOf(row, framework).status));
    }
    await settled(stage);
  }

  test("keeps no memory of them but a bounded number of records", async () => {
    await repeat(3);
    const { keys } = stage.store.stats();
    const before = await heapBytes();
    await repeat(REPETITIONS);
    const growth = (await heapBytes()) - before;
    expect(growth).toBeLessThan(MOST_GROWTH);
    expect(stage.store.stats()).toEqual({
      keys,
      leasedKeys: 0,
      openReservations: 0,
      idleEvictions: 0,
      refusingEvictions: 0,
    });
  });

  test("gives no offender fresh quota, and no compliant caller less, for a flood of ids", async () => {
    const { limiter, store, running } = stage;
    const offends = async () => (await send(running.port, byUser("offender"))).status;
    await limiter.record({ user: "offender" }, { token: TOKENS });
    expect(await offends()).toBe(429);
    for (let batch = 0; batch < 30; batch += 1) {
      const flood = Array.from({ length: 50 }, (_, n) =>
        request(
          "GET /header HTTP/1.1",
          [["X-User", `${String(batch * 50 + n)}-${long}`]],
          "",
          n === 49,
        ),
      );
      const { status } = await send(running.port, Buffer.concat(flood));
      expect(status).toBe(200);
      stage.served += 1;
      const { served } = stage;
      expect(await behave(stage, false)).toEqual([200, CALLS - served, TOKENS - served * COST]);
    }
    await settled(stage);
    // Beyond the bound are at most those that were in flight at once.
    expect(store.stats().keys).toBeLessThanOrEqual(MOST_KEYS + 50);
    expect(store.stats().idleEvictions).toBeGreaterThan(500);
    expect(store.stats().refusingEvictions).toBe(0);
    expect(await offends()).toBe(429);
  });
});

describe.each(frameworks)("%s", (framework) => {
  describe.each(["ids", "addresses", "large"] as const)("attacked by %s", (kind) => {
    const { byAddress } = kinds[kind];
    let stage: Stage;

    beforeAll(async () => {
      stage = await raise(framework, kind);
    });

    afterAll(async () => {
      await stage.running.close();
    });

    test.each(kinds[kind].rows)("stands, charges right and serves the next: $what", async (row) => {
      const { limiter, running } = stage;
      const { status, charges } = outcomeOf(row, framework);
      const subjects = [...charges.map(({ to }) => to), ...(row.untouched ?? [])];
      const before = await Promise.all(subjects.map(async (subject) => usedBy(limiter, subject)));

      const answer = await send(running.port, row.bytes, row.half);
      await settled(stage);
      expect(answer.status).toBe(status);
      expect(answer.head).not.toMatch(/^(set-cookie|x-injected)/im);
      // A stack is for the developer; what the limiter says itself names no id.
      const json = /content-type: application\/problem\+json/i.test(answer.head);
      expect(json ? answer.body : "").not.toMatch(/x{100}|__proto__|polluter|spender/);

      const after = await Promise.all(subjects.map(async (subject) => usedBy(limiter, subject)));
      const counts = charges.reduce((sum, { count }) => sum + count, 0);
      for (const [index, was] of before.entries()) {
        const { count, token } = charges[index] ?? { count: 0, token: 0 };
        expect(after[index]).toEqual({
          calls: (was["calls"] ?? 0) + count,
          ...(byAddress ? {} : { tokens: (was["tokens"] ?? 0) + token }),
          all: (was["all"] ?? 0) + counts,
        });
      }

      stage.served += 1;
      const { served } = stage;
      const left = [CALLS - served, TOKENS - served * COST];
      expect(await behave(stage, byAddress)).toEqual([
        200,
        ...(byAddress ? left.slice(0, 1) : left),
      ]);
    });

    test("has charged nobody but those who were let in", async () => {
      const { charged, let: admitted } = kinds[kind].rows.reduce(
        (sum, row) => {
          const { charges } = outcomeOf(row, framework);
          const counts = charges.reduce((all, { count }) => all + count, 0);
          return { charged: sum.charged + counts, let: sum.let + (charges.length > 0 ? 1 : 0) };
        },
        { charged: 0, let: 0 },
      );
      expect(admitted).toBeGreaterThan(0);
      expect(await usedBy(stage.limiter, { user: "nobody", ip: "192.0.2.1" })).toMatchObject({
        calls: 0,
        all: charged + stage.served,
      });
    });
  });
});
