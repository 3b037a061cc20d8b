import { describe, expect, test } from "@jest/globals";

import { createLimiter } from "../limiter/create-limiter.ts";
import type { LimiterOptions } from "../limiter/limiter-options.ts";
import { memoryStore } from "../memory-store.ts";
import type { LimitInput } from "../policy/limit-input.ts";
import { manualClock } from "../testing/manual-clock.ts";
import type { CallRequest } from "./meter.ts";
import type { MeteredCall } from "./metered-call.ts";
import { parsePolicy } from "./policy.ts";
import { reserveCall } from "./reserve.ts";

const perMinute = (limit: number, type = "token"): LimitInput => ({
  type,
  window: "minute",
  limit,
});

const chat = (changes: object = {}) => ({
  model: "gpt-4o",
  messages: [{ role: "user", content: "Name three rivers." }],
  ...changes,
});

function stage(limits: readonly LimitInput[], llm: LimiterOptions["llm"] = {}) {
  const clock = manualClock();
  const store = memoryStore({ clock: clock.now });
  const limiter = createLimiter({ limits, llm, store });
  const call = (body: unknown = chat(), changes: Partial<CallRequest> = {}): MeteredCall =>
    limiter.llm.call({ subject: "alice", body, limits: limiter.limits, ...changes });
  return { limiter, call, clock };
}

/** Settles so many answers of these lengths, as the provider reported them. */
function learn(call: () => MeteredCall, outputs: readonly number[], input = 12): void {
  for (const output of outputs) {
    call().reported({ usage: { prompt_tokens: input, completion_tokens: output } });
  }
}

const wholeReading = {
  usage: { input: 10, output: 10 },
  complete: true,
  failed: false,
  emittedTokens: 0,
  begun: true,
  readable: true,
  recognised: true,
};

const { inputToken } = stage([perMinute(1)]).limiter.llm.estimate(chat());

describe("what a call holds", () => {
  test("is its input and, while nothing is known, 1024 tokens of output", () => {
    const { call } = stage([perMinute(100_000), perMinute(100_000, "outputToken")]);
    expect(call().cost).toStrictEqual({ token: inputToken + 1024, outputToken: 1024 });
    expect(call().estimate).toMatchObject({
      inputToken,
      outputToken: 1024,
      token: inputToken + 1024,
    });
  });

  test("is no more output than the request allows, and 0 is a limit too", () => {
    const { call } = stage([perMinute(100_000, "outputToken")]);
    expect(call(chat({ max_tokens: 30 })).cost).toStrictEqual({ outputToken: 30 });
    expect(call(chat({ max_tokens: 0 })).cost).toStrictEqual({ outputToken: 0 });
    expect(call(chat({ max_tokens: 30, n: 3 })).cost).toStrictEqual({ outputToken: 90 });
    expect(call(chat({ max_tokens: 90_000 })).cost).toStrictEqual({ outputToken: 1024 });
  });

  test("D-LLM-11 is at most a quarter of the smallest limit", () => {
    const { call } = stage([perMinute(500), perMinute(100_000, "outputToken")]);
    expect(call().estimate.outputToken).toBe(125);
    expect(call(chat({ n: 3 })).estimate.outputToken).toBe(125);
    const weighted = stage([perMinute(500)], { cost: { token: { output: 5 } } });
    expect(weighted.call().estimate.outputToken).toBe(25);
  });

  test("is not bounded by limits that do not apply to the caller", () => {
    const { call } = stage([
      { ...perMinute(400), name: "small", when: (subject) => subject === "bob" },
      { ...perMinute(1_000_000), name: "large", when: (subject) => subject === "alice" },
    ]);
    expect(call().estimate.outputToken).toBe(1024);
    expect(call(chat(), { subject: "bob" }).estimate.outputToken).toBe(100);
  });

  test("is the whole cap where limits must never be overshot", () => {
    const { call } = stage([perMinute(50_000, "outputToken")], { hard: true });
    expect(call(chat({ max_tokens: 40_000 })).cost).toStrictEqual({ outputToken: 40_000 });
    expect(call().cost).toStrictEqual({ outputToken: 1024 });
  });

  test("is what answers of the subject and model need, once there are 20", () => {
    const { call } = stage([perMinute(100_000, "outputToken")]);
    learn(
      call,
      Array.from({ length: 19 }, () => 200),
    );
    expect(call().cost).toStrictEqual({ outputToken: 1024 });
    learn(call, [200, 200]);
    expect(call().cost).toStrictEqual({ outputToken: 200 });
    expect(call(chat({ n: 2 })).cost).toStrictEqual({ outputToken: 400 });
    expect(call(chat(), { subject: "bob" }).cost).toStrictEqual({ outputToken: 1024 });
    expect(call(chat({ model: "gpt-4.1" })).cost).toStrictEqual({ outputToken: 1024 });
  });

  test("is not talked down by answers that were cut short", () => {
    const { call } = stage([perMinute(100_000, "outputToken")]);
    learn(
      () => call(chat({ max_tokens: 1 })),
      Array.from({ length: 30 }, () => 1),
    );
    const cut = { reached: true, finished: false, status: 200 };
    for (let n = 0; n < 30; n += 1) {
      call().settlement(cut, { ...wholeReading, complete: false, model: undefined });
    }
    expect(call().cost).toStrictEqual({ outputToken: 1024 });
  });

  test("is learned for a customer as a whole, whoever of its users calls", () => {
    const { call } = stage([perMinute(100_000, "outputToken")]);
    const of = (user: string) => () => call(chat(), { subject: { tenant: "acme", user } });
    learn(
      of("u-1"),
      Array.from({ length: 20 }, () => 200),
    );
    expect(of("u-2")().cost).toStrictEqual({ outputToken: 200 });
  });

  test("is corrected by what inputs turned out to be, unless that is switched off", () => {
    const input = Array.from({ length: 30 }, () => 1);
    const { call } = stage([perMinute(100_000, "inputToken")]);
    learn(call, input, inputToken * 2);
    expect(call().cost).toStrictEqual({ inputToken: inputToken * 2 });
    const fixed = stage([perMinute(100_000, "inputToken")], { calibrate: false });
    learn(fixed.call, input, inputToken * 2);
    expect(fixed.call().cost).toStrictEqual({ inputToken });
  });

  test("is at least what the conversation has read before", () => {
    const { call } = stage([perMinute(100_000, "inputToken")]);
    const turn = { model: "gpt-5", input: "And then?", previous_response_id: "resp-1" };
    call(turn).reported({ usage: { input_tokens: 5000, output_tokens: 10 } });
    expect(call(turn).cost).toStrictEqual({ inputToken: 5000 });
    expect(call(turn, { subject: "bob" }).estimate.inputToken).toBeLessThan(100);
  });

  test("is nothing for a request that says nothing, and no output for embeddings", () => {
    const { call } = stage([perMinute(100_000)]);
    expect(call(null, { contentLength: 0 }).cost).toStrictEqual({ token: 0 });
    const { estimate } = call({ model: "text-embedding-3-small", input: [1, 2, 3] });
    expect([estimate.inputToken, estimate.outputToken]).toStrictEqual([3, 0]);
  });

  test("is counted by a tokenizer of one's own", () => {
    const { call } = stage([perMinute(100_000, "inputToken")], {
      tokenizer: (text) => text.length * 10,
    });
    // Four for the message, three for the request, and its role is not counted.
    expect(call().cost).toStrictEqual({ inputToken: "Name three rivers.".length * 10 + 7 });
  });

  test("is priced by the model", () => {
    const { call } = stage([{ ...perMinute(50_000_000, "usd") }], {
      cost: {
        usd: { prices: { "gpt-4o": { input: 2.5, output: 10 }, "*": { input: 1, output: 1 } } },
      },
    });
    expect(call().cost).toStrictEqual({ usd: Math.ceil(inputToken * 2.5 + 10_240) });
  });
});

describe("a settlement", () => {
  const ended = { reached: true, finished: true, status: 200 };

  test("knows the model that served by its aliases, and by what a handler reports", () => {
    const { call } = stage([perMinute(50_000_000, "usd")], {
      models: { "prod-chat": "small-mini" },
      cost: {
        usd: { prices: { large: { input: 10, output: 10 }, small: { input: 1, output: 1 } } },
      },
    });
    const asked = call(chat({ model: "prod-chat" }));
    for (const model of ["prod-chat", "models/small-mini", undefined]) {
      const { cost } = asked.settlement(ended, { ...wholeReading, model });
      expect(cost).toStrictEqual({ usd: 20 });
    }
    const usage = { prompt_tokens: 10, completion_tokens: 10 };
    expect(asked.reported({ model: "large-2", usage })?.cost).toStrictEqual({ usd: 200 });
    expect(asked.reported(usage)?.cost).toStrictEqual({ usd: 20 });
  });

  test("charges the model that served", () => {
    const { call } = stage([perMinute(50_000_000, "usd")], {
      cost: {
        usd: { prices: { large: { input: 10, output: 10 }, small: { input: 1, output: 1 } } },
      },
    });
    const asked = call(chat({ model: "large" }));
    expect(asked.settlement(ended, { ...wholeReading, model: "small-2026" }).cost).toStrictEqual({
      usd: 20,
    });
    expect(asked.settlement(ended, { ...wholeReading, model: undefined }).cost).toStrictEqual({
      usd: 200,
    });
  });

  test("by the handler takes any provider's usage, and refuses what is none", () => {
    const { call } = stage([perMinute(1000), perMinute(1000, "inputToken")]);
    expect(call().reported({ input_tokens: 5, output_tokens: 6 })).toStrictEqual({
      cost: { token: 11, inputToken: 5 },
      source: "measured",
      usage: { input: 5, cachedRead: 0, cacheWrite: 0, output: 6, reasoning: 0 },
    });
    expect(call().reported({ tokens: "many" })).toBeUndefined();
  });

  test("of weights counts cached input for less", () => {
    const { call } = stage([perMinute(1000)], { cost: { token: { cachedRead: 0.1, output: 5 } } });
    const usage = {
      prompt_tokens: 100,
      completion_tokens: 10,
      prompt_tokens_details: { cached_tokens: 90 },
    };
    expect(call().reported({ usage })?.cost).toStrictEqual({ token: 10 + 9 + 50 });
  });
});

const policyOf = (partialGrant: boolean | { minOutputTokens: number }) =>
  parsePolicy({ partialGrant, hard: true }, "policy");

describe("a partial grant", () => {
  const large = chat({ max_tokens: 900 });

  test("lowers the cap to what all limits have room for", async () => {
    const { limiter, call } = stage([perMinute(1000), perMinute(400, "outputToken")]);
    const metered = call(large, { policy: policyOf(true) });
    const decision = await reserveCall(metered, undefined, (cost) =>
      limiter.reserve("alice", cost),
    );
    expect(decision.allowed).toBe(true);
    expect(metered.grant).toStrictEqual({ maxOutputTokens: 400 });
    expect(decision.reservation?.cost).toStrictEqual({ token: inputToken + 400, outputToken: 400 });
  });

  test("is not given unless asked for, nor below its least, nor when something else refuses", async () => {
    for (const [partialGrant, limits] of [
      [false, [perMinute(500)]],
      [{ minOutputTokens: 600 }, [perMinute(500)]],
      [true, [perMinute(500), perMinute(5, "inputToken")]],
    ] as const) {
      const { limiter, call } = stage(limits);
      const metered = call(large, { policy: policyOf(partialGrant) });
      const decision = await reserveCall(metered, undefined, (cost) =>
        limiter.reserve("alice", cost),
      );
      expect(decision.allowed).toBe(false);
      expect(metered.grant).toBeUndefined();
      expect(limiter.usage("alice").map(({ current }) => current)).toStrictEqual(
        limits.map(() => 0),
      );
    }
  });

  test("leaves at least a token to each of several answers", async () => {
    const { limiter, call } = stage([perMinute(1000, "outputToken")]);
    limiter.record("alice", { outputToken: 997 });
    const eight = chat({ max_tokens: 900, n: 8 });
    const metered = call(eight, { policy: policyOf({ minOutputTokens: 1 }) });
    expect(
      (await reserveCall(metered, undefined, (cost) => limiter.reserve("alice", cost))).allowed,
    ).toBe(false);
  });

  test("heeds only limits that the call pays by its tokens", async () => {
    const { limiter, call } = stage([perMinute(400), perMinute(1000, "outputToken")]);
    const metered = call(chat({ max_tokens: 2000 }), {
      limits: limiter.limits.filter(({ type }) => type === "outputToken"),
      policy: policyOf({ minOutputTokens: 500 }),
    });
    const decision = await reserveCall(metered, { token: 100 }, (cost) =>
      limiter.reserve("alice", cost),
    );
    expect([decision.allowed, metered.grant]).toStrictEqual([true, { maxOutputTokens: 1000 }]);
  });

  test("is nothing where the whole fits", async () => {
    const { limiter, call } = stage([perMinute(5000)]);
    const metered = call(large, { policy: policyOf(true) });
    await reserveCall(metered, undefined, (cost) => limiter.reserve("alice", cost));
    expect(metered.grant).toBeUndefined();
  });

  test("is refused after others took the room three times", async () => {
    const { limiter, call } = stage([perMinute(1000)]);
    const metered = call(chat({ max_tokens: 2000 }), { policy: policyOf({ minOutputTokens: 1 }) });
    let asked = 0;
    const busy = {
      ...limiter,
      reserve: (...args: Parameters<typeof limiter.reserve>) => {
        asked += 1;
        limiter.record("alice", { token: 100 });
        return limiter.reserve(...args);
      },
    };
    const decision = await reserveCall(metered, undefined, (cost) => busy.reserve("alice", cost));
    expect(decision.allowed).toBe(false);
    expect(asked).toBe(4);
  });
});

describe("options", () => {
  test.each([
    [7, "llm", "an object"],
    [{ hards: true }, "llm.hards", "only the options"],
    [{ hard: 1 }, "llm.hard", "true or false"],
    [{ partialGrant: 5 }, "llm.partialGrant", "true, false or { minOutputTokens }"],
    [{ partialGrant: { minOutputTokens: 0 } }, "llm.partialGrant.minOutputTokens", "positive"],
    [{ onAbort: "free" }, "llm.onAbort", "emitted, reserved, refund"],
    [{ onFailure: "free" }, "llm.onFailure", "emitted, reserved, refund"],
    [{ calibrate: "no" }, "llm.calibrate", "true or false"],
    [{ outputGuess: { quantile: 1 } }, "llm.outputGuess.quantile", "0.5 to 0.999"],
    [{ outputGuess: { fraction: 0 } }, "llm.outputGuess.fraction", "above 0"],
    [{ outputGuess: { initial: -1 } }, "llm.outputGuess.initial", "non-negative"],
    [{ models: { a: "" } }, "llm.models.a", "a model's name"],
    [{ multipliers: { "gpt-4": 0 } }, "llm.multipliers.gpt-4", "above 0"],
    [{ tokenizer: "o200k" }, "llm.tokenizer", "a function"],
    [{ media: { image: 1.5 } }, "llm.media.image", "non-negative integer"],
    [{ media: { images: 1 } }, "llm.media.images", "only the options"],
    [{ unknownBodyTokens: -1 }, "llm.unknownBodyTokens", "non-negative"],
    [{ cost: { usd: { prices: { x: { input: -1, output: 1 } } } } }, "llm.cost.usd", ""],
  ])("that cannot work are refused by name: %j", (llm, path, expected) => {
    const make = () =>
      createLimiter({ limits: [perMinute(5)], llm: JSON.parse(JSON.stringify(llm)) });
    expect(make).toThrow(expect.objectContaining({ code: "INVALID_CONFIG" }));
    expect(make).toThrow(path);
    expect(make).toThrow(expected);
  });
});
