import { EventEmitter, once } from "node:events";

import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";

import { start as startExpress } from "./express.ts";
import { start as startFastify } from "./fastify.ts";
import { start as startKoa } from "./koa.ts";
import { type Example, listen, type Listening } from "./serve.ts";
import { startStandInLlm } from "./stand-in-llm.ts";

const ann = { tenant: "acme", user: "ann", session: "ann" };
const messages = [{ role: "user", content: "Why is the sky blue?" }];
const question = { model: "gpt-4o-mini", max_tokens: 100, messages };

/** What the stand-in uses for the question, and what the estimate holds for it. */
const USED = 58;
const HELD = 113;

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
    const response = await post(example, question);
    expect(response.status).toBe(200);
    expect(response.headers.get("content-type")).toMatch(/^application\/json/);
    const left = String(100_000 - HELD);
    expect(response.headers.get("ratelimit")).toContain(`"token-per-day-user";r=${left};`);
    expect(await response.json()).toMatchObject({ usage: { total_tokens: USED } });
    expect(await usage()).toMatchObject({
      "count-per-minute-user": 1,
      "token-per-day-user": USED,
      "token-per-month-tenant": USED,
    });
  });

  test("streams, holds the estimate meanwhile, and charges what the model reports", async () => {
    const call = { ...question, stream: true, stream_options: { include_usage: true } };
    const response = await post(example, call);
    expect(response.status).toBe(200);
    expect(response.headers.get("content-type")).toMatch(/^text\/event-stream/);
    expect(await usage()).toMatchObject({ "token-per-day-user": HELD });
    const events = (await response.text()).split("\n\n");
    expect(events.slice(-2)).toEqual(["data: [DONE]", ""]);
    expect(events.at(-3)).toContain(`"total_tokens":${String(USED)}`);
    expect(await usage()).toMatchObject({ "token-per-day-user": USED });
  });

  test("charges a stream whose client does not ask for its usage, and does not show it", async () => {
    const response = await post(example, { ...question, stream: true });
    const text = await response.text();
    expect(text).toContain("data: [DONE]");
    expect(text).not.toContain('"choices":[]');
    expect(await usage()).toMatchObject({ "token-per-day-user": USED });
  });

  test("refuses the sixth call of a burst with the time to wait, and charges it nowhere", async () => {
    const responses = await Promise.all(
      Array.from({ length: 6 }, async () => post(example, question)),
    );
    const refused = responses.filter(({ status }) => status === 429);
    expect(refused).toHaveLength(1);
    const [response] = refused;
    expect(response?.headers.get("retry-after")).toBe("1");
    expect(response?.headers.get("ratelimit")).toMatch(/^"count-bucket-session";r=0;/);
    expect(response?.headers.get("ratelimit-policy")).toContain(
      '"count-per-minute-user";q=60;w=60',
    );
    expect(response?.headers.get("cache-control")).toBe("no-store");
    expect(await response?.json()).toMatchObject({
      error: { code: "rate_limit_exceeded", message: expect.stringContaining("count-bucket") },
    });
    expect(await usage()).toMatchObject({ "count-per-minute-user": 5 });
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
    expect(response.headers.get("ratelimit")).toBeNull();
  });

  test("passes the model's errors on and charges the request alone", async () => {
    const response = await post(example, { model: "gpt-4o-mini" });
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ error: { type: "invalid_request_error" } });
    const used = await usage();
    expect(used).toMatchObject({ "count-per-minute-user": 1, "token-per-day-user": 0 });
  });

  test("ends the model's stream when the client leaves, and charges what was held", async () => {
    const model = new EventEmitter();
    const left = once(model, "left");
    const endless = await listen((_request, response) => {
      response.writeHead(200, { "Content-Type": "text/event-stream" }).write("data: {}\n\n");
      response.once("close", () => model.emit("left"));
    }, 0);
    const other = await start({ model: { url: endless.url, key: "none" } });
    const controller = new AbortController();
    const call = { ...question, stream: true };
    const response = await post(other, call, {}, controller.signal);
    await response.body?.getReader().read();
    const settled = new Promise<void>((resolve) => {
      other.limiter.subscribe(({ type }) => {
        if (type === "settled") resolve();
      });
    });
    controller.abort();
    await Promise.all([left, settled]);
    const usages = await other.limiter.usage(ann);
    expect(usages.map(({ current, held }) => [current, held])).toContainEqual([HELD, 0]);
    await other.close();
    await endless.close();
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
