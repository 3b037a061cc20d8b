import { EventEmitter, once } from "node:events";

import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import { createLimiter, type Limiter, type SettlementEvent } from "@tollgate/core";

import { chatLimits } from "./chat.ts";
import { start as startExpress } from "./express.ts";
import { start as startFastify } from "./fastify.ts";
import { run as runInProcess } from "./in-process.ts";
import { parseObject } from "./json.ts";
import { start as startKoa } from "./koa.ts";
import { type Example, listen, type Listening } from "./serve.ts";
import { startStandInLlm } from "./stand-in-llm.ts";

const ann = { tenant: "acme", user: "ann", session: "ann" };
const messages = [{ role: "user", content: "Why is the sky blue?" }];
const question = { model: "gpt-4o-mini", max_tokens: 100, messages };

/** What the stand-in uses for the question. */
const USED = 58;

/** What the question is estimated to need, by a limiter that has seen no answer yet. */
const { limits, llm } = createLimiter({ limits: chatLimits, name: "estimates" });
const estimated = llm.call({ subject: ann, body: question, limits });
const { inputToken: INPUT, token: HELD } = estimated.estimate;

let standIn: Listening;

beforeEach(async () => {
  standIn = await startStandInLlm();
});

afterEach(async () => {
  await standIn.close();
});

const post = async (
  { url }: Listening,
  body: unknown,
  headers: Record<string, string> = {},
  signal: AbortSignal | null = null,
): Promise<Response> =>
  fetch(`${url}/chat/completions`, {
    method: "POST",
    headers: { "Content-Type": "application/json", Authorization: "Bearer key-of-ann", ...headers },
    body: typeof body === "string" ? body : JSON.stringify(body),
    signal,
  });

/** What each chunk of a stream says. */
const contentsOf = (events = ""): readonly unknown[] =>
  [...events.matchAll(/^data: (.*)$/gm)].map(([, chunk = ""]) =>
    chunk === "[DONE]" ? chunk : parseObject(chunk)?.["choices"],
  );

/** The next settlement, which follows the last byte of an answer. */
const settlement = async ({ subscribe }: Limiter): Promise<SettlementEvent> =>
  new Promise((resolve) => {
    const stop = subscribe((event) => {
      if (event.type !== "settled") return;
      stop();
      resolve(event);
    });
  });

describe.each([
  { name: "express", start: startExpress },
  { name: "koa", start: startKoa },
  { name: "fastify", start: startFastify },
])("the $name example", ({ start }) => {
  let example: Example;

  beforeEach(async () => {
    example = await start({ model: { url: standIn.url, key: "none" } });
  });

  afterEach(async () => {
    await example.close();
  });

  const usage = async (): Promise<Record<string, number>> => {
    const usages = await example.limiter.usage(ann);
    return Object.fromEntries(usages.map(({ limit, current }) => [limit, current]));
  };

  test("answers with JSON and charges what the model reports", async () => {
    const settled = settlement(example.limiter);
    const response = await post(example, question);
    expect(response.status).toBe(200);
    expect(response.headers.get("content-type")).toMatch(/^application\/json/);
    expect(response.headers.get("x-ratelimit-remaining-tokens")).toBe(String(100_000 - HELD));
    expect(await response.json()).toMatchObject({ usage: { total_tokens: USED } });
    const { source, held } = await settled;
    expect({ source, held: held["token"] }).toEqual({ source: "measured", held: HELD });
    expect(await usage()).toMatchObject({
      "count-per-minute-user": 1,
      "token-per-day-user": USED,
      "token-per-month-tenant": USED,
    });
  });

  test("streams, holds the estimate meanwhile, and charges what the model reports", async () => {
    const settled = settlement(example.limiter);
    const call = { ...question, stream: true, stream_options: { include_usage: true } };
    const response = await post(example, call);
    expect(response.status).toBe(200);
    expect(response.headers.get("content-type")).toMatch(/^text\/event-stream/);
    expect(await usage()).toMatchObject({ "token-per-day-user": HELD });
    const events = (await response.text()).split("\n\n");
    expect(events.slice(-2)).toEqual(["data: [DONE]", ""]);
    expect(events.at(-3)).toContain(`"total_tokens":${String(USED)}`);
    expect(await settled).toMatchObject({ source: "measured" });
    expect(await usage()).toMatchObject({ "token-per-day-user": USED });
  });

  test("measures a stream whose client does not ask for usage, and adds no chunk to it", async () => {
    const settled = settlement(example.limiter);
    const call = { ...question, stream: true };
    const [text, without] = await Promise.all(
      [example, standIn].map(async (server) => (await post(server, call)).text()),
    );
    expect(text).not.toContain('"choices":[]');
    expect(contentsOf(text)).toEqual(contentsOf(without));
    expect(await settled).toMatchObject({ source: "measured", cost: { token: USED } });
    expect(await usage()).toMatchObject({ "token-per-day-user": USED });
  });

  test("refuses calls beyond a burst with the time to wait, and charges them nowhere", async () => {
    // Five are the burst; on a slow machine the bucket refills by some while they are sent.
    const responses = await Promise.all(
      Array.from({ length: 20 }, async () => post(example, question)),
    );
    const refused = responses.filter(({ status }) => status === 429);
    expect(refused.length).toBeGreaterThan(0);
    const [response] = refused;
    expect(response?.headers.get("retry-after")).toBe("1");
    expect(Number(response?.headers.get("retry-after-ms"))).toBeGreaterThan(0);
    expect(response?.headers.get("x-ratelimit-remaining-requests")).toBe("0");
    expect(response?.headers.get("cache-control")).toBe("no-store");
    expect(response?.headers.get("content-type")).toMatch(/^application\/json/);
    expect(await response?.json()).toEqual({
      error: {
        message: expect.stringMatching(/^Rate limit .* "count-bucket-session" .* try again in \d+/),
        type: "requests",
        param: null,
        code: "rate_limit_exceeded",
      },
    });
    expect(await usage()).toMatchObject({ "count-per-minute-user": 20 - refused.length });
  });

  test("knows sessions apart", async () => {
    const sessions = Array.from({ length: 10 }, (_, index) => `s-${String(index % 2)}`);
    const calls = sessions.map(async (id) => post(example, question, { "X-Session-Id": id }));
    const statuses = (await Promise.all(calls)).map(({ status }) => status);
    expect(new Set(statuses)).toEqual(new Set([200]));
  });

  test("refuses unknown keys without metering them", async () => {
    const response = await post(example, question, { Authorization: "Bearer nobody's" });
    expect(response.status).toBe(401);
    expect(await response.json()).toMatchObject({ error: { code: "invalid_api_key" } });
    expect(response.headers.get("x-ratelimit-limit-tokens")).toBeNull();
  });

  test("passes the model's errors on and charges the request alone", async () => {
    const settled = settlement(example.limiter);
    const response = await post(example, { model: "gpt-4o-mini" });
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ error: { type: "invalid_request_error" } });
    expect(await settled).toMatchObject({ source: "none" });
    const used = await usage();
    expect(used).toMatchObject({ "count-per-minute-user": 1, "token-per-day-user": 0 });
  });

  test("ends the model's stream when the client leaves, and charges what it has emitted", async () => {
    const model = new EventEmitter();
    const left = once(model, "left");
    const words = "The air scatters blue light more than red light, and";
    const chunk = { object: "chat.completion.chunk", choices: [{ delta: { content: words } }] };
    const endless = await listen((_request, response) => {
      response.writeHead(200, { "Content-Type": "text/event-stream" });
      response.write(`data: ${JSON.stringify(chunk)}\n\n`);
      response.once("close", () => model.emit("left"));
    }, 0);
    const other = await start({ model: { url: endless.url, key: "none" } });
    const settled = settlement(other.limiter);
    const controller = new AbortController();
    const call = { ...question, stream: true };
    const response = await post(other, call, {}, controller.signal);
    await response.body?.getReader().read();
    controller.abort();
    const [{ source }] = await Promise.all([settled, left]);
    expect(source).toBe("counted");
    const charged = INPUT + Math.ceil(estimated.countText(words));
    expect(charged).toBeGreaterThan(INPUT);
    const usages = await other.limiter.usage(ann);
    expect(usages.map(({ current, held }) => [current, held])).toContainEqual([charged, 0]);
    await other.close();
    await endless.close();
  });
});

describe("the example in this process", () => {
  test("charges answers, streams and a stream broken off, and does not call what never fits", async () => {
    const lines: string[] = [];
    const limiter = await runInProcess({ url: standIn.url, key: "none" }, (line) =>
      lines.push(line),
    );
    const charges = lines.flatMap((line) => {
      const [, held, charged, source] = /held (\d+) tokens, charged (\d+): (\w+)/.exec(line) ?? [];
      return source === undefined ? [] : [{ held: Number(held), charged: Number(charged), source }];
    });
    const counted = { held: HELD, charged: expect.any(Number), source: "counted" };
    expect(charges).toEqual([{ held: HELD, charged: USED, source: "measured" }, counted, counted]);
    const [, whole, part] = charges.map(({ charged }) => charged);
    expect(whole).toBeGreaterThan(USED - 10);
    expect(part).toBeGreaterThan(INPUT);
    expect(part).toBeLessThan(Number(whole));
    expect(lines.at(-1)).toMatch(/can never admit token/);
    const sum = charges.reduce((all, { charged }) => all + charged, 0);
    expect(await limiter.usage(ann)).toMatchObject([{ current: sum, held: 0 }]);
  });
});

describe("the stand-in model", () => {
  test("answers the same question the same way, and no longer than asked", async () => {
    const call = { ...question, max_tokens: 7 };
    const [first, second] = await Promise.all([post(standIn, call), post(standIn, call)]);
    const answer: unknown = await first.json();
    expect(answer).toEqual(await second.json());
    expect(answer).toMatchObject({
      choices: [{ finish_reason: "length" }],
      usage: { prompt_tokens: 8, completion_tokens: 7, total_tokens: 15 },
    });
  });

  test("words its errors as OpenAI does", async () => {
    const [bad, lost] = await Promise.all([post(standIn, "{"), fetch(`${standIn.url}/models`)]);
    expect([bad.status, lost.status]).toEqual([400, 404]);
    const error = { type: "invalid_request_error", param: null };
    expect(await bad.json()).toMatchObject({ error });
    expect(await lost.json()).toMatchObject({ error: { ...error, code: "unknown_url" } });
  });
});
