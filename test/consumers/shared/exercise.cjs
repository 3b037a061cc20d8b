// What a program does with the packages, whichever way it loaded them. Copied into each consumer.
const assert = require("node:assert/strict");
const events = require("node:events");
const { createServer } = require("node:http");

const onePerMinute = { limits: [{ type: "count", window: "minute", limit: 1 }] };

/** One call within the limit and one above it, over a real connection. */
async function admitsThenRefuses(port) {
  const url = `http://127.0.0.1:${port}/`;
  const first = await fetch(url);
  assert.equal(first.status, 200);
  assert.equal((await first.json()).used, 1);
  assert.ok(first.headers.get("ratelimit"), "an admitted answer says what is left");

  const second = await fetch(url);
  const problem = await second.json();
  assert.equal(second.status, 429);
  assert.match(second.headers.get("content-type"), /^application\/problem\+json/);
  assert.equal(problem.status, 429);
  const wait = Number(second.headers.get("retry-after"));
  assert.ok(wait >= 1 && wait <= 60, `waits a part of the minute, not ${wait} s`);
}

async function listening(handler, use) {
  const server = createServer(handler).listen(0, "127.0.0.1");
  await events.once(server, "listening");
  try {
    await use(server.address().port);
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

const used = (handle) => ({ used: handle.decision.usages[0].current });

async function servesExpress(express, rateLimit) {
  const app = express();
  app.use(rateLimit(onePerMinute));
  app.get("/", (req, res) => res.json(used(req.tollgate)));
  await listening(app, admitsThenRefuses);
}

async function servesKoa(Koa, rateLimit) {
  const app = new Koa();
  app.use(rateLimit(onePerMinute));
  app.use((ctx) => {
    ctx.body = used(ctx.state.tollgate);
  });
  await listening(app.callback(), admitsThenRefuses);
}

async function servesFastify(Fastify, rateLimit) {
  const app = Fastify();
  await app.register(rateLimit, onePerMinute);
  app.get("/", async (request) => used(request.tollgate));
  await app.listen({ port: 0, host: "127.0.0.1" });
  try {
    await admitsThenRefuses(app.server.address().port);
  } finally {
    await app.close();
  }
}

/** A count and a token limit, decided at once and both or neither. */
function decides({ createLimiter, memoryStore }) {
  let now = 1_000_000;
  const limiter = createLimiter({
    store: memoryStore({ clock: () => now }),
    limits: [
      { type: "count", window: "minute", limit: 2, scope: "user" },
      { type: "token", window: "day", limit: 100, scope: "user" },
    ],
  });
  const ask = (token) => limiter.checkAndRecord({ user: "u-1" }, { count: 1, token });
  const current = () => limiter.usage({ user: "u-1" }).map((usage) => usage.current);

  assert.equal(ask(60).outcome, "admitted");
  assert.equal(ask(60).outcome, "refused");
  assert.deepEqual(current(), [1, 60]);
  assert.equal(ask(101).outcome, "impossible");
  assert.equal(ask(40).outcome, "admitted");
  const refused = ask(0);
  assert.equal(refused.retryAfterMs, 60_000);
  now += 60_000;
  assert.equal(ask(0).outcome, "admitted");
}

/** A call to a model, estimated, held and settled from what it returned. */
async function meters({ createLimiter }, { estimateRequest, readUsage }) {
  const body = { model: "gpt-4o", messages: [{ role: "user", content: "When is low tide?" }] };
  const { inputToken, provider } = estimateRequest(body);
  assert.equal(provider, "openai");
  assert.ok(inputToken > 8 && inputToken < 20);
  const limiter = createLimiter({ limits: [{ type: "token", window: "minute", limit: 5000 }] });
  const usage = { prompt_tokens: 12, completion_tokens: 30 };
  const answer = await limiter.meter("alice", body, () => {
    assert.ok(limiter.usage("alice")[0].held >= inputToken);
    return { choices: [], usage };
  });
  assert.deepEqual(readUsage(answer), { input: 12, output: 30 });
  assert.deepEqual([limiter.usage("alice")[0].current, limiter.usage("alice")[0].held], [42, 0]);
}

/** Errors of one loaded copy of core are known to another, however deep they are wrapped. */
function recognises(thrower, recogniser) {
  assert.notEqual(thrower.TollgateError, recogniser.TollgateError, "two copies are loaded");
  const limiter = thrower.createLimiter({
    limits: [{ type: "count", window: "minute", limit: 1 }],
  });
  limiter.record("alice", { count: 1 });
  const refusal = thrower.rateLimitError(limiter.checkAndRecord("alice"));
  const wrapped = new Error("wrapped", { cause: new Error("again", { cause: refusal }) });
  assert.equal(recogniser.isRateLimitError(refusal), true);
  assert.equal(recogniser.isRateLimitError(wrapped), true);
  assert.deepEqual(recogniser.getDecision(wrapped).refusedBy, ["count-per-minute-caller"]);

  const mistake = thrownBy(() => thrower.createLimiter({ limits: [] }));
  assert.equal(recogniser.isTollgateError(mistake), true);
  assert.equal(recogniser.isRateLimitError(mistake), false);
  assert.equal(mistake.code, "INVALID_CONFIG");
}

/** The wider vocabulary: limits of each tier, a call that waits for a slot, a wrapped service. */
async function limitsServices(core) {
  const limiter = core.createLimiter({
    limits: ({ tenant }) =>
      tenant === "acme"
        ? [{ type: "concurrency", limit: 1, scope: "tenant" }]
        : core.tiers.developer,
  });
  const held = await limiter.reserve({ tenant: "acme" });
  const waiting = limiter.acquire({ tenant: "acme" }, undefined, { reserve: true });
  await new Promise(setImmediate);
  assert.equal(limiter.waiting.waiting, 1);
  await limiter.release(held.reservation.id);
  assert.equal((await waiting).allowed, true);

  const once = core.createLimiter({ ...onePerMinute, name: "once" });
  const greet = core.guard(once, (name) => `hello ${name}`, { subject: (name) => name });
  assert.equal(await greet("ann"), "hello ann");
  await assert.rejects(greet("ann"), core.isRateLimitError);
}

/** Limits from a file, one of which is wrong. */
function readsFiles(core, config) {
  const text = "rate_limiting:\n  limits:\n    - { type: count, window: minute, limit: 1 }\n";
  const limiter = core.createLimiter({ ...config.parseConfig(text), name: "file" });
  assert.equal(limiter.checkAndRecord("ann").allowed, true);
  assert.equal(limiter.checkAndRecord("ann").allowed, false);
  const mistake = thrownBy(() => config.parseConfig(text.replace("minute", "fortnight")));
  assert.equal(core.isTollgateError(mistake), true);
  assert.equal(mistake.problems[0].line, 3);
}

function thrownBy(action) {
  try {
    action();
  } catch (error) {
    return error;
  }
  throw new assert.AssertionError({ message: "nothing was thrown" });
}

/** Two stores on one server, as two processes have them; where the check has found a server. */
async function sharesUsage({ createLimiter }, redisStore, Redis) {
  const url = process.env.TOLLGATE_TEST_REDIS_URL;
  if (url === undefined) {
    process.stderr.write("SKIPPED: a store on Redis, needs redis-server\n");
    return;
  }
  const client = new Redis(url);
  const prefix = `consumer-${process.pid}:`;
  const limits = [{ type: "token", window: "minute", limit: 100 }];
  const [here, there] = [1, 2].map(() =>
    createLimiter({ limits, store: redisStore({ client, prefix }) }),
  );
  const { reservation } = await here.reserve("alice", { token: 80 });
  assert.equal((await there.reserve("alice", { token: 30 })).outcome, "refused");
  await there.settle(reservation.id, { token: 60 });
  assert.equal((await here.usage("alice"))[0].current, 60);
  assert.equal((await here.reserve("alice", { token: 30 })).outcome, "admitted");
  await client.quit();
}

function writesTables(ddl) {
  for (const dialect of ["postgres", "mysql", "sqlite"]) {
    assert.match(ddl(dialect, { tablePrefix: "shop_" }), /CREATE TABLE IF NOT EXISTS shop_state/);
  }
}

module.exports = {
  decides,
  limitsServices,
  meters,
  readsFiles,
  recognises,
  servesExpress,
  servesFastify,
  servesKoa,
  sharesUsage,
  writesTables,
};
