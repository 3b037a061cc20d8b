import { describe, expect, test } from "@jest/globals";

import { memoryStore } from "../../memory-store.ts";
import { manualClock } from "../../testing/manual-clock.ts";
import type { RequestFacts } from "../facts.ts";
import { createGate, type Gate } from "../gate.ts";
import type { RateLimitOptions } from "../options.ts";

const factsOf = (path: string, headers: Readonly<Record<string, string>> = {}) => ({
  request: "request",
  exchange: {},
  method: "POST",
  path,
  header: (name: string) => headers[name],
  address: "203.0.113.7",
  trust: "none" as const,
  body: undefined,
  responseField: () => undefined,
  gone: () => false,
  whenGone: () => () => undefined,
});

const chat = "/v1/chat/completions";
const one = { type: "count", window: "hour", limit: 1, name: "rph" } as const;

/** A gate that nothing fits through, unless its options say otherwise. */
const closed = (options: RateLimitOptions<string> = {}): Gate<string> =>
  createGate<string>({
    limits: [one],
    cost: () => ({ count: 2 }),
    store: memoryStore({ clock: manualClock().now }),
    ...options,
  });

async function answer(gate: Gate<string>, facts: RequestFacts<string>) {
  const verdict = await gate.admit(facts);
  if (verdict.outcome !== "refused") throw new Error(verdict.outcome);
  const { status, fields } = verdict;
  const isJson = fields["Content-Type"]?.includes("json") === true;
  const body: unknown = isJson ? JSON.parse(verdict.body) : verdict.body;
  return { status, type: fields["Content-Type"], body, fields };
}

const openAiError = { error: expect.objectContaining({ code: "rate_limit_exceeded" }) };
const problem = expect.objectContaining({ title: "Quota Exceeded" });

describe("a gate answers", () => {
  test.each([
    [chat, {}, "application/json", openAiError],
    ["/v1/messages", {}, "application/json", expect.objectContaining({ type: "error" })],
    [
      "/messages",
      { "anthropic-version": "2023-06-01" },
      "application/json",
      expect.objectContaining({ type: "error" }),
    ],
    ["/v1/things", {}, "application/problem+json", problem],
  ])("%s %j as %s", async (path, headers, type, body) => {
    expect(await answer(closed(), factsOf(path, headers))).toMatchObject({ type, body });
  });

  test("in the dialect that is named, and a route in its own", async () => {
    const gate = closed({ dialect: "ietf" });
    expect(await answer(gate, factsOf(chat))).toMatchObject({ body: problem });
    const route = gate.forRoute({ dialect: "openai" });
    expect(await answer(route, factsOf("/"))).toMatchObject({ body: openAiError });
    // A route of a route keeps what it does not name.
    expect(await answer(route.forRoute({}), factsOf("/"))).toMatchObject({ body: openAiError });
    const auto = gate.forRoute({ dialect: "auto" });
    expect(await answer(auto, factsOf("/v1/messages"))).toMatchObject({
      body: { type: "error" },
    });
  });

  test("without a status in a provider's body, where onRefused changes it", async () => {
    const gate = closed({ onRefused: () => ({ status: 503 }) });
    const { status, body } = await answer(gate, factsOf(chat));
    expect(status).toBe(503);
    expect(body).not.toHaveProperty("status");
    expect(await answer(gate, factsOf("/"))).toMatchObject({ body: { status: 503 } });
  });

  test("with a body of one's own as the dialect's content type, and text as text", async () => {
    const own = closed({ onRefused: () => ({ body: { own: true } }) });
    expect((await answer(own, factsOf(chat))).type).toBe("application/json");
    expect((await answer(own, factsOf("/"))).type).toBe("application/problem+json");
    const text = closed({ onRefused: () => ({ body: "no" }) });
    expect((await answer(text, factsOf(chat))).type).toBe("text/plain; charset=utf-8");
  });

  test("a store that fails and an id that is missing in the dialect too", async () => {
    const failing = {
      ...memoryStore(),
      apply: () => {
        throw new Error("down");
      },
    };
    const down = closed({ store: failing });
    expect(await answer(down, factsOf(chat))).toMatchObject({
      status: 503,
      body: { error: { type: "server_error" } },
    });
    expect(await answer(down, factsOf("/v1/messages"))).toMatchObject({
      body: { error: { type: "overloaded_error" } },
    });
    const anonymous = closed({ limits: [{ ...one, scope: "user" }] });
    expect(await answer(anonymous, factsOf(chat))).toMatchObject({
      status: 400,
      type: "application/json",
      body: { error: { type: "invalid_request_error", code: "MISSING_SCOPE" } },
    });
  });

  test.each([
    [chat, 403, 403],
    ["/", 402, 402],
    ["/", undefined, 429],
  ] as const)("%s after longWaitStatus %s with %d", async (path, longWaitStatus, status) => {
    const gate = closed({
      cost: () => ({ count: 1 }),
      ...(longWaitStatus === undefined ? {} : { longWaitStatus }),
    });
    const first = await gate.admit(factsOf(path));
    expect(first.outcome).toBe("admitted");
    expect((await answer(gate, factsOf(path))).status).toBe(status);
  });
});

describe("wrong options are refused at their place", () => {
  test.each([
    [{ dialect: "gemini" }, "dialect"],
    [{ dialect: null }, "dialect"],
    [{ longWaitStatus: 503 }, "longWaitStatus"],
    [{ longWaitStatus: "403" }, "longWaitStatus"],
  ])("%j", (options, path) => {
    const wrong: object = { limits: [one], ...options };
    expect(() => createGate(wrong)).toThrow(
      expect.objectContaining({ code: "INVALID_CONFIG", path }),
    );
  });

  test("of a route too", () => {
    const wrong: object = { dialect: "gemini" };
    expect(() => closed().forRoute(wrong)).toThrow(
      expect.objectContaining({ code: "INVALID_CONFIG", path: "route.dialect" }),
    );
  });
});
