import { EventEmitter, once } from "node:events";

import { describe, expect, jest, test } from "@jest/globals";

import { getDecision, isRateLimitError, isTollgateError } from "../errors.ts";
import { createLimiter } from "../limiter/create-limiter.ts";
import {
  booked,
  chatBody,
  ESTIMATED,
  GUESSED,
  type MeterStage,
  meterStage,
  turns,
} from "./in-process.test-support.ts";
import type { MeterContext } from "./in-process.ts";

const meter = async <T>({ limiter, options }: MeterStage, answer: T): Promise<T> =>
  limiter.meter("alice", chatBody, async () => answer, options);

const failingWith = async (
  { limiter, options }: MeterStage,
  error: unknown,
  policy: object = {},
): Promise<unknown> =>
  limiter
    .meter("alice", chatBody, async () => Promise.reject(error), { ...options, policy })
    .catch((reason: unknown) => reason);

const chat = {
  object: "chat.completion",
  model: "gpt-4o-2024",
  choices: [{ index: 0, message: { role: "assistant", content: "Hi." }, finish_reason: "stop" }],
  usage: { prompt_tokens: 7, completion_tokens: 3, total_tokens: 10 },
};
const responses = {
  object: "response",
  status: "completed",
  model: "gpt-5",
  output: [{ type: "message", content: [{ type: "output_text", text: "Hi." }] }],
  usage: { input_tokens: 7, output_tokens: 3, output_tokens_details: { reasoning_tokens: 1 } },
};
const embeddings = {
  object: "list",
  data: [{ object: "embedding", index: 0, embedding: [0.1] }],
  usage: { prompt_tokens: 7, total_tokens: 7 },
};
const message = {
  type: "message",
  role: "assistant",
  content: [{ type: "text", text: "More characters than tokens." }],
  usage: { input_tokens: 2, cache_read_input_tokens: 5, output_tokens: 3 },
};
const gemini = {
  candidates: [{ finishReason: "STOP", content: { parts: [{ text: "Hi." }] } }],
  usageMetadata: { promptTokenCount: 7, candidatesTokenCount: 1, thoughtsTokenCount: 2 },
};

/** As `generateText` of the AI SDK returns it: the usage is a getter of the class. */
class GenerateTextResult {
  readonly text = "Hi.";
  get usage(): object {
    return { inputTokens: 7, outputTokens: 3, totalTokens: 10 };
  }
}

const answers = [
  { name: "a chat completion", answer: chat, usage: [7, 3] },
  { name: "an answer of Responses", answer: responses, usage: [7, 3] },
  { name: "embeddings", answer: embeddings, usage: [7, 0] },
  { name: "an Anthropic message", answer: message, usage: [7, 3] },
  { name: "an answer of Gemini", answer: gemini, usage: [7, 3] },
  { name: "a result of generateText", answer: new GenerateTextResult(), usage: [7, 3] },
  { name: "what withResponse() gives", answer: { data: chat, response: {} }, usage: [7, 3] },
  { name: "an object with usage", answer: { text: "", usage: chat.usage }, usage: [7, 3] },
  { name: "usage itself", answer: chat.usage, usage: [7, 3] },
  { name: "D-LLM-05 usage of nothing", answer: { ...chat, usage: zero() }, usage: [0, 0] },
] as const;

function zero(): object {
  return { prompt_tokens: 0, completion_tokens: 0, total_tokens: 0 };
}

describe("a value is settled", () => {
  test.each(answers)("by the usage in $name", async ({ answer, usage: [input, output] }) => {
    const stage = meterStage();
    expect(await meter(stage, answer)).toBe(answer);
    expect(stage.settled).toEqual([booked(input, output, "measured")]);
    expect(stage.told).toEqual([
      expect.objectContaining({ source: "measured", usage: expect.objectContaining({ input }) }),
    ]);
    expect(await stage.used()).toEqual({ count: 1, inputToken: input, outputToken: output });
  });

  test("by its text where it has no usage", async () => {
    const stage = meterStage();
    const { usage: _, ...silent } = chat;
    await meter(stage, silent);
    expect(stage.settled).toEqual([booked(ESTIMATED, 3, "counted")]);
  });

  test.each([
    ["a text", "Hi."],
    ["nothing", undefined],
    ["an object of the caller's", { saved: true, id: "a" }],
    ["an answer that has only begun", { ...responses, status: "queued", output: [], usage: null }],
    ["a list", [chat]],
  ])("as it is held where it tells nothing: %s", async (_, answer) => {
    const stage = meterStage();
    expect(await meter(stage, answer)).toBe(answer);
    expect(stage.settled).toEqual([booked(ESTIMATED, GUESSED, "estimated")]);
  });

  test("as it is held where looking at it throws", async () => {
    const stage = meterStage();
    const hostile = {
      get usage(): never {
        throw new Error("do not look");
      },
    };
    expect(await meter(stage, hostile)).toBe(hostile);
    expect(stage.settled).toEqual([booked(ESTIMATED, GUESSED, "estimated")]);
  });

  test("as it is held, and not looked at, where looking would begin to read it", async () => {
    const stage = meterStage();
    const looks: string[] = [];
    const lazy = {
      get usage(): Promise<never> {
        looks.push("usage");
        return Promise.reject(new Error("never read"));
      },
      get textStream(): ReadableStream {
        looks.push("textStream");
        return new ReadableStream();
      },
    };
    await meter(stage, lazy);
    expect(looks).toEqual([]);
    expect(stage.settled).toEqual([booked(ESTIMATED, GUESSED, "estimated")]);
  });

  test("without following an object that holds itself", async () => {
    const stage = meterStage();
    const ring: Record<string, unknown> = { text: "Hi." };
    for (const name of ["client", "parent", "self"]) ring[name] = ring;
    await meter(stage, ring);
    expect(stage.settled).toHaveLength(1);
  });
});

const throws = (): never => {
  throw new Error("thrown at once");
};

class StatusError extends Error {
  readonly status: number;
  constructor(status: number) {
    super(`status ${String(status)}`);
    this.status = status;
  }
}

class APIUserAbortError extends Error {}

describe("an error", () => {
  test.each([400, 401, 404, 409, 422, 429])(
    "of status %i costs nothing but the count",
    async (status) => {
      const stage = meterStage();
      const error = new StatusError(status);
      expect(await failingWith(stage, error, { onFailure: "reserved" })).toBe(error);
      expect(stage.settled).toEqual([booked(0, 0, "none")]);
    },
  );

  test.each([
    ["of status 500", new StatusError(500)],
    ["of status 529", new StatusError(529)],
    ["of the connection", new TypeError("fetch failed")],
    ["that is none", "no"],
  ])("%s costs the input, or what the policy says", async (_, error) => {
    const emitted = meterStage();
    expect(await failingWith(emitted, error)).toBe(error);
    expect(emitted.settled).toEqual([booked(ESTIMATED, 0, "estimated")]);
    const reserved = meterStage();
    await failingWith(reserved, error, { onFailure: "reserved", onAbort: "refund" });
    expect(reserved.settled).toEqual([booked(ESTIMATED, GUESSED, "estimated")]);
    const refund = meterStage();
    await failingWith(refund, error, { onFailure: "refund", onAbort: "reserved" });
    expect(refund.settled).toEqual([booked(0, 0, "none")]);
  });

  test("D-STR-02 of an abort costs the input, or what the policy says of aborts", async () => {
    const emitted = meterStage();
    const error = new APIUserAbortError("Request was aborted.");
    expect(await failingWith(emitted, error)).toBe(error);
    expect(emitted.settled).toEqual([booked(ESTIMATED, 0, "estimated")]);
    const refund = meterStage();
    await failingWith(refund, error, { onFailure: "reserved", onAbort: "refund" });
    expect(refund.settled).toEqual([booked(0, 0, "none")]);
  });

  test("of a limiter within the call costs nothing but the count", async () => {
    const stage = meterStage();
    const inner = createLimiter({ limits: [{ type: "token", window: "hour", limit: 1 }] });
    const refusal = stage.limiter.meter("alice", chatBody, async () =>
      inner.meter("gpt-4o", chatBody, async () => chat),
    );
    await expect(refusal).rejects.toMatchObject({ code: "REFUSED" });
    expect(stage.settled).toEqual([booked(0, 0, "none")]);
  });

  test("thrown at once is like one thrown later", async () => {
    const stage = meterStage();
    const call = stage.limiter.meter("alice", chatBody, throws);
    await expect(call).rejects.toThrow("thrown at once");
    expect(stage.settled).toEqual([booked(ESTIMATED, 0, "estimated")]);
  });
});

describe("a refusal", () => {
  const full = { limits: [{ type: "inputToken", window: "hour", limit: 1 }] } as const;

  test("is thrown, recognised, and leaves the call undone", async () => {
    const { limiter } = meterStage(full);
    let called = false;
    const error: unknown = await limiter
      .meter("alice", chatBody, () => {
        called = true;
      })
      .catch((reason: unknown) => reason);
    expect(isTollgateError(error) && error.code).toBe("REFUSED");
    expect(isRateLimitError(new Error("wrapped", { cause: error }))).toBe(true);
    expect(getDecision(error)?.refusedBy).toHaveLength(1);
    expect(called).toBe(false);
    expect((await limiter.usage("alice")).map(({ current }) => current)).toEqual([0]);
  });

  test("gives way to a smaller answer where the policy allows it", async () => {
    const limits = [{ type: "token", window: "hour", limit: 100 }] as const;
    const policy = { partialGrant: { minOutputTokens: 10 }, hard: true };
    const { limiter, settled } = meterStage({ limits });
    const body = { ...chatBody, max_completion_tokens: 500 };
    const call = ({ body: sent, ...context }: MeterContext<typeof body>): object => {
      expect(sent.max_completion_tokens).toBe(100 - ESTIMATED);
      expect(sent.messages).toBe(body.messages);
      expect(context.grant).toEqual({ maxOutputTokens: 100 - ESTIMATED });
      expect(context.estimate).toMatchObject({ inputToken: ESTIMATED, model: "gpt-4o" });
      expect(context.decision.allowed).toBe(true);
      return chat;
    };
    expect(await limiter.meter("alice", body, call, { policy })).toBe(chat);
    expect(body.max_completion_tokens).toBe(500);
    expect(settled).toEqual([{ cost: { token: 10 }, source: "measured" }]);
  });

  test("lowers the cap that the path's format has", async () => {
    const limits = [{ type: "outputToken", window: "hour", limit: 100 }] as const;
    const { limiter } = meterStage({ limits });
    await limiter.record("alice", { outputToken: 90 });
    const options = { policy: { partialGrant: { minOutputTokens: 5 } }, path: "/v1/messages" };
    const sent = await limiter.meter("alice", chatBody, ({ body }) => body, options);
    expect(sent).toEqual({ ...chatBody, max_tokens: 10 });
  });
});

describe("the options of a call", () => {
  test("may hold the whole cap, and charge other types", async () => {
    const { limiter, settled } = meterStage({
      limits: [
        { type: "count", window: "hour", limit: 100 },
        { type: "outputToken", window: "hour", limit: 10_000 },
        { type: "usd", window: "hour", limit: 10 },
      ],
    });
    const body = { ...chatBody, max_tokens: 3000 };
    const options = { policy: { hard: true }, cost: { count: 2, usd: 1 } };
    await limiter.meter("alice", body, () => "nothing", options);
    expect(settled).toEqual([
      { cost: { count: 2, outputToken: 3000, usd: 1 }, source: "estimated" },
    ]);
  });

  test("are checked before anything is held", async () => {
    const { limiter, used } = meterStage();
    const options: object = { policy: { onAbort: "free" } };
    const call = limiter.meter("alice", chatBody, () => chat, options);
    await expect(call).rejects.toThrow("policy.onAbort");
    expect(await used()).toMatchObject({ count: 0 });
  });

  test("may hold a listener that throws, which harms nothing", async () => {
    const { limiter, settled } = meterStage();
    const options = { onSettled: throws };
    expect(await limiter.meter("alice", chatBody, () => chat, options)).toBe(chat);
    expect(settled).toEqual([booked(7, 3, "measured")]);
  });
});

describe("a limiter", () => {
  test("that is disabled lets everything through", async () => {
    const { limiter, settled, told, options } = meterStage({ enabled: false });
    const answer = await limiter.meter(
      "alice",
      chatBody,
      ({ body, grant, decision }) => {
        expect(body).toBe(chatBody);
        expect(grant).toBeUndefined();
        expect(decision.allowed).toBe(true);
        return chat;
      },
      options,
    );
    expect(answer).toBe(chat);
    expect([...settled, ...told]).toEqual([]);
  });

  test("whose store fails to settle gives back the answer, or the provider's error", async () => {
    const stage = meterStage({ fails: (operation) => operation === "settle" });
    const failures: string[] = [];
    stage.limiter.subscribe((event) => {
      if (event.type === "storeFailure") failures.push(event.operation);
    });
    expect(await meter(stage, chat)).toBe(chat);
    const error = new StatusError(503);
    expect(await failingWith(stage, error)).toBe(error);
    expect(failures).toEqual(["settle", "settle"]);
    expect(stage.told).toEqual([]);
  });

  test("whose store cannot decide makes no call", async () => {
    const { limiter } = meterStage({ fails: () => true });
    let called = false;
    const call = limiter.meter("alice", chatBody, () => {
      called = true;
    });
    await expect(call).rejects.toMatchObject({ code: "STORE_FAILED" });
    expect(called).toBe(false);
  });

  test("that closes settles a call that is still waiting for its answer", async () => {
    const { limiter, settled } = meterStage();
    const provider = new EventEmitter();
    const call = limiter.meter("alice", chatBody, async () => {
      const [answer]: unknown[] = await once(provider, "answer");
      return answer;
    });
    await turns();
    await limiter.close();
    expect(settled).toEqual([booked(ESTIMATED, 0, "estimated")]);
    provider.emit("answer", chat);
    expect(await call).toBe(chat);
    expect(settled).toHaveLength(1);
  });

  test("D-RES-07 renews the lease of a call while it runs, and not after it has settled", async () => {
    jest.useFakeTimers();
    try {
      let renewals = 0;
      const fails = (operation: string): boolean => {
        if (operation === "renew") renewals += 1;
        return false;
      };
      const stage = meterStage({ fails });
      const stream = await meter(
        stage,
        (async function* answer() {
          yield chat;
        })(),
      );
      jest.advanceTimersByTime(300_000);
      expect(renewals).toBe(3);
      await stream.return(undefined);
      jest.advanceTimersByTime(300_000);
      expect(renewals).toBe(3);
    } finally {
      jest.useRealTimers();
    }
  });
});
