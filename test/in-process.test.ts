import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { constants, runInThisContext } from "node:vm";

import type * as AiSdkOpenAi from "@ai-sdk/openai";
import type * as Anthropic from "@anthropic-ai/sdk";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { createLimiter, isRateLimitError, type Limiter, type MeterOptions } from "@tollgate/core";
import { aiSdkMiddleware } from "@tollgate/core/llm";
import type * as AiSdk from "ai";
import type * as OpenAi7 from "openai7";

import { INPUT, OUTPUT, PIECES, type StandIn, startStandIn } from "./in-process.provider.ts";

interface Load {
  // The versions differ in types that have nothing to do with what is called here.
  (name: "openai6" | "openai7"): Promise<typeof OpenAi7>;
  (name: "@anthropic-ai/sdk"): Promise<typeof Anthropic>;
  (name: "ai"): Promise<typeof AiSdk>;
  (name: "@ai-sdk/openai"): Promise<typeof AiSdkOpenAi>;
}

// By Node's own loader: an `import()` compiled for Jest is a `require`, which not all of them offer.
const load: Load = runInThisContext("(name) => import(name)", {
  filename: join(__dirname, "in-process.test.ts"),
  importModuleDynamically: constants.USE_MAIN_CONTEXT_DEFAULT_LOADER,
});

/** The clients that cannot be loaded here, with the reason. */
function findMissing(): ReadonlyMap<string, string> {
  const names = ["openai6", "openai7", "@anthropic-ai/sdk", "ai", "@ai-sdk/openai"];
  const probe = `for (const name of ${JSON.stringify(names)})
    await import(name).catch((error) => console.log(name + "\\t" + String(error).split("\\n")[0]));`;
  const args = ["--input-type=module", "--eval", probe];
  const lines = execFileSync(process.execPath, args, { cwd: __dirname, encoding: "utf8" });
  return new Map(
    lines.split("\n").flatMap((line) => {
      const [name = "", reason] = line.split("\t");
      return reason === undefined ? [] : [[name, reason] as const];
    }),
  );
}

const missing = findMissing();
// Visible, because a suite that skips in silence passes for ever.
for (const [name, reason] of missing) process.stdout.write(`SKIPPED: ${name}, ${reason}\n`);
const suiteFor = (...names: readonly string[]): typeof describe.skip =>
  names.some((name) => missing.has(name)) ? describe.skip : describe;

let provider: StandIn;
beforeAll(async () => {
  provider = await startStandIn();
});
afterAll(async () => provider.close());

/** Settled as booked: input, output and source. */
type Booking = readonly [input: number, output: number, source: string];

interface Stage {
  readonly limiter: Limiter;
  readonly settled: Booking[];
}

const GUESSED = 100;
const WRITTEN = PIECES.join("").length;

function stage(limit: number = 10_000): Stage {
  const settled: Booking[] = [];
  const limiter = createLimiter({
    limits: [
      { type: "count", window: "hour", limit: 100 },
      { type: "inputToken", window: "hour", limit },
      { type: "outputToken", window: "hour", limit },
    ],
    // A character is a token, so that the numbers can be read off the texts.
    llm: {
      tokenizer: (text) => text.length,
      outputGuess: { initial: GUESSED },
      calibrate: false,
    },
    onEvent: (event) => {
      if (event.type !== "settled" && event.type !== "released") return;
      const { inputToken = -1, outputToken = -1 } = event.cost;
      settled.push([inputToken, outputToken, event.source]);
    },
  });
  return { limiter, settled };
}

const measured: readonly Booking[] = [[INPUT, OUTPUT, "measured"]];

/** What was estimated is not the point here; what the provider reports must not be it. */
const estimated = (outputToken: number, source: string): readonly unknown[] => [
  [expect.any(Number), outputToken, source],
];

const messages = [{ role: "user" as const, content: "Say hello to them, and do it well." }];

async function collect(stream: AsyncIterable<unknown>): Promise<number> {
  let events = 0;
  for await (const event of stream) if (event !== undefined) events += 1;
  return events;
}

/** Waits for what another party does, which comes when it comes. */
async function until(condition: () => boolean): Promise<void> {
  for (let tries = 0; !condition() && tries < 500; tries += 1) await delay(10);
  expect(condition()).toBe(true);
}

async function rejectionsDuring(work: () => Promise<unknown>): Promise<unknown[]> {
  // The process itself: the one that tests see is a copy.
  const real: NodeJS.Process = runInThisContext("process");
  const others = real.listeners("unhandledRejection");
  const seen: unknown[] = [];
  real.removeAllListeners("unhandledRejection");
  real.on("unhandledRejection", (reason) => seen.push(reason));
  try {
    await work();
    await delay(20);
  } finally {
    real.removeAllListeners("unhandledRejection");
    for (const listener of others) real.on("unhandledRejection", listener);
  }
  return seen;
}

function abortable(): { readonly signal: AbortSignal; readonly abort: () => void } {
  const controller = new AbortController();
  return { signal: controller.signal, abort: () => controller.abort() };
}

/** Waits for a stream helper to end without asking it, which would be to listen to its failure. */
const ended = async (helper: { readonly ended: boolean }): Promise<void> =>
  until(() => helper.ended);

const errorOf = async (work: PromiseLike<unknown>): Promise<unknown> =>
  Promise.resolve(work).then(
    () => undefined,
    (error: unknown) => error,
  );

async function newOpenAi(name: "openai6" | "openai7"): Promise<OpenAi7.OpenAI> {
  const { OpenAI } = await load(name);
  return new OpenAI({ baseURL: `${provider.url}/v1`, apiKey: "none", maxRetries: 0 });
}

describe.each(["openai6", "openai7"] as const)("%s", (name) => {
  suiteFor(name)("in limiter.meter", () => {
    const chat = { model: "plain", messages };
    const streamed = { ...chat, stream: true, stream_options: { include_usage: true } } as const;

    test("settles a chat completion, however its promise is taken", async () => {
      const client = await newOpenAi(name);
      const { limiter, settled } = stage();
      const plain = await limiter.meter("alice", chat, async ({ body }) =>
        client.chat.completions.create(body),
      );
      expect(plain.choices[0]?.message.content).toBe(PIECES.join(""));
      const { data } = await limiter.meter("alice", chat, async ({ body }) =>
        client.chat.completions.create(body).withResponse(),
      );
      expect(data.choices).toHaveLength(1);
      const response = await limiter.meter("alice", chat, async ({ body }) =>
        client.chat.completions.create(body).asResponse(),
      );
      expect(await response.json()).toMatchObject({ object: "chat.completion" });
      expect(settled).toEqual([...measured, ...measured, ...measured]);
    });

    test("settles Responses and embeddings", async () => {
      const client = await newOpenAi(name);
      const { limiter, settled } = stage();
      const call = { model: "plain", input: "Say hello." };
      const answer = await limiter.meter("alice", call, async ({ body }) =>
        client.responses.create(body),
      );
      expect(answer.output_text).toBe(PIECES.join(""));
      const path = "/v1/embeddings";
      await limiter.meter("alice", call, async ({ body }) => client.embeddings.create(body), {
        path,
      });
      expect(settled).toEqual([...measured, [INPUT, 0, "measured"]]);
    });

    test("settles a stream at its end, however it is read", async () => {
      const client = await newOpenAi(name);
      const { limiter, settled } = stage();
      const open = async () =>
        limiter.meter("alice", streamed, async ({ body }) => client.chat.completions.create(body));
      expect(await collect(await open())).toBe(4);
      const [left, right] = (await open()).tee();
      expect(await Promise.all([collect(left), collect(right)])).toEqual([4, 4]);
      const text = await new Response((await open()).toReadableStream()).text();
      expect(text.trim().split("\n")).toHaveLength(4);
      const { data } = await limiter.meter("alice", streamed, async ({ body }) =>
        client.chat.completions.create(body).withResponse(),
      );
      expect(settled).toHaveLength(3);
      await collect(data);
      expect(settled).toEqual([...measured, ...measured, ...measured, ...measured]);
    });

    test("settles a stream of Responses at its end", async () => {
      const client = await newOpenAi(name);
      const { limiter, settled } = stage();
      const call = { model: "plain", input: "Say hello.", stream: true } as const;
      await collect(
        await limiter.meter("alice", call, async ({ body }) => client.responses.create(body)),
      );
      expect(settled).toEqual(measured);
    });

    test("W31 counts what comes without usage", async () => {
      const client = await newOpenAi(name);
      const { limiter, settled } = stage();
      const call = { ...chat, model: "silent" };
      await limiter.meter("alice", call, async ({ body }) => client.chat.completions.create(body));
      await collect(
        await limiter.meter("alice", { ...call, stream: true } as const, async ({ body }) =>
          client.chat.completions.create(body),
        ),
      );
      expect(settled).toEqual([...estimated(WRITTEN, "counted"), ...estimated(WRITTEN, "counted")]);
    });

    test("D-STR-01 costs what was written when its reader leaves, and the provider stops", async () => {
      const client = await newOpenAi(name);
      const { limiter, settled } = stage();
      const call = { ...streamed, model: "stuck" };
      const before = provider.gone();
      for await (const event of await limiter.meter("alice", call, async ({ body }) =>
        client.chat.completions.create(body),
      )) {
        expect(event.choices[0]?.delta.content).toBe(PIECES[0]);
        break;
      }
      expect(settled).toEqual(estimated(PIECES[0].length, "counted"));
      await until(() => provider.gone() > before);
    });

    test.each([
      ["emitted", estimated(PIECES[0].length, "counted")],
      ["refund", [[0, 0, "none"]]],
      ["reserved", estimated(GUESSED, "estimated")],
    ] as const)("costs what the policy says when it is aborted: %s", async (onAbort, cost) => {
      const client = await newOpenAi(name);
      const { limiter, settled } = stage();
      const { signal, abort } = abortable();
      const call = { ...streamed, model: "stuck" };
      const stream = await limiter.meter(
        "alice",
        call,
        async ({ body }) => client.chat.completions.create(body, { signal }),
        { policy: { onAbort } },
      );
      // A client ends such a stream as if it had come to its end.
      for await (const event of stream) if (event.choices.length > 0) abort();
      expect(settled).toEqual(cost);
    });

    test("D-STR-02 costs the input when it is aborted before the answer", async () => {
      const client = await newOpenAi(name);
      const { limiter, settled } = stage();
      const call = limiter.meter("alice", chat, async ({ body }) =>
        client.chat.completions.create(body, { signal: AbortSignal.abort() }),
      );
      expect(await errorOf(call)).toMatchObject({ message: "Request was aborted." });
      expect(settled).toEqual(estimated(0, "estimated"));
    });

    test("passes the provider's errors on", async () => {
      const client = await newOpenAi(name);
      const { limiter, settled } = stage();
      for (const status of [400, 429, 500]) {
        const call = { ...chat, model: `status-${String(status)}` };
        const error = await errorOf(
          limiter.meter("alice", call, async ({ body }) => client.chat.completions.create(body)),
        );
        expect(error).toMatchObject({ status });
        expect(isRateLimitError(error)).toBe(false);
      }
      const call = { ...streamed, model: "broken" };
      const stream = await limiter.meter("alice", call, async ({ body }) =>
        client.chat.completions.create(body),
      );
      expect(await errorOf(collect(stream))).toMatchObject({ message: "terminated" });
      expect(settled).toEqual([
        [0, 0, "none"],
        [0, 0, "none"],
        ...estimated(0, "estimated"),
        ...estimated(PIECES[0].length, "counted"),
      ]);
    });

    test("settles stream helpers, which read by themselves", async () => {
      const client = await newOpenAi(name);
      const { limiter, settled } = stage();
      const helper = await limiter.meter("alice", streamed, ({ body }) =>
        client.chat.completions.stream(body),
      );
      expect((await helper.finalChatCompletion()).usage?.total_tokens).toBe(INPUT + OUTPUT);
      await until(() => settled.length === 1);
      const call = { model: "plain", input: "Say hello." };
      const other = await limiter.meter("alice", call, ({ body }) => client.responses.stream(body));
      expect((await other.finalResponse()).output_text).toBe(PIECES.join(""));
      await until(() => settled.length === 2);
      const over = await limiter.meter("alice", streamed, async ({ body }) => {
        const stream = client.chat.completions.stream(body);
        await stream.done();
        return stream;
      });
      expect(over.ended).toBe(true);
      expect(settled).toEqual([...measured, ...measured, ...measured]);
    });

    test("settles stream helpers that fail, and hides nothing", async () => {
      const client = await newOpenAi(name);
      const { limiter, settled } = stage();
      const open = async (model: string) =>
        limiter.meter("alice", { ...streamed, model }, ({ body }) =>
          client.chat.completions.stream(body),
        );
      expect(await rejectionsDuring(async () => open("status-400").then(ended))).toEqual([
        expect.objectContaining({ status: 400 }),
      ]);
      const noticed = async (): Promise<void> => {
        const helper = await open("status-500");
        expect(await errorOf(helper.done())).toMatchObject({ status: 500 });
      };
      expect(await rejectionsDuring(noticed)).toEqual([]);
      const aborted = async (): Promise<void> => {
        const helper = await open("stuck");
        helper.on("chunk", () => helper.abort());
        await ended(helper);
      };
      expect(await rejectionsDuring(aborted)).toHaveLength(1);
      expect(settled).toEqual([
        [0, 0, "none"],
        ...estimated(0, "estimated"),
        ...estimated(PIECES[0].length, "counted"),
      ]);
    });

    test("settles a run of several requests by their sum", async () => {
      const client = await newOpenAi(name);
      const { limiter, settled } = stage();
      const call = { ...chat, tools: [] };
      const runner = await limiter.meter("alice", call, ({ body }) =>
        client.chat.completions.runTools(body),
      );
      await runner.done();
      await until(() => settled.length === 1);
      expect(settled).toEqual(measured);
    });

    test("refuses before the provider is asked, and lowers the cap where it may", async () => {
      const client = await newOpenAi(name);
      const { limiter } = stage(90);
      const asked = provider.requests.length;
      const call = { ...chat, max_completion_tokens: 500 };
      const ask = async (options: MeterOptions) =>
        limiter.meter(
          "alice",
          call,
          async ({ body }) => client.chat.completions.create(body),
          options,
        );
      expect(isRateLimitError(await errorOf(ask({ policy: { hard: true } })))).toBe(true);
      expect(provider.requests).toHaveLength(asked);
      await ask({ policy: { hard: true, partialGrant: { minOutputTokens: 10 } } });
      expect(provider.requests.at(-1)).toMatchObject({ max_completion_tokens: 90 });
    });
  });
});

async function newAnthropic(): Promise<Anthropic.Anthropic> {
  const { Anthropic: Client } = await load("@anthropic-ai/sdk");
  return new Client({ baseURL: provider.url, apiKey: "none", maxRetries: 0 });
}

suiteFor("@anthropic-ai/sdk")("@anthropic-ai/sdk in limiter.meter", () => {
  const call = { model: "plain", messages, max_tokens: 200 };
  const streamed = { ...call, stream: true } as const;

  test("settles a message, a stream and a stream helper", async () => {
    const client = await newAnthropic();
    const { limiter, settled } = stage();
    const message = await limiter.meter("alice", call, async ({ body }) =>
      client.messages.create(body),
    );
    expect(message.content).toMatchObject([{ text: PIECES.join("") }]);
    const open = async () =>
      limiter.meter("alice", streamed, async ({ body }) => client.messages.create(body));
    expect(await collect(await open())).toBe(7);
    await new Response((await open()).toReadableStream()).text();
    const helper = await limiter.meter("alice", call, ({ body }) => client.messages.stream(body));
    expect(await helper.finalText()).toBe(PIECES.join(""));
    await until(() => settled.length === 4);
    const { data } = await limiter.meter("alice", call, async ({ body }) =>
      client.messages.stream(body).withResponse(),
    );
    await data.done();
    await until(() => settled.length === 5);
    expect(settled).toEqual(Array.from({ length: 5 }, () => measured).flat());
  });

  test("costs what was reported and written when its reader leaves, and the provider stops", async () => {
    const client = await newAnthropic();
    const { limiter, settled } = stage();
    const before = provider.gone();
    const stuck = { ...streamed, model: "stuck" };
    for await (const event of await limiter.meter("alice", stuck, async ({ body }) =>
      client.messages.create(body),
    )) {
      if (event.type === "content_block_delta") break;
    }
    const { signal, abort } = abortable();
    const stream = await limiter.meter("alice", stuck, async ({ body }) =>
      client.messages.create(body, { signal }),
    );
    for await (const event of stream) if (event.type === "content_block_delta") abort();
    const helper = await limiter.meter("alice", { ...call, model: "stuck" }, ({ body }) =>
      client.messages.stream(body),
    );
    helper.on("text", () => helper.abort());
    expect(await errorOf(helper.done())).toMatchObject({ message: "Request was aborted." });
    await until(() => settled.length === 3);
    const cost = [INPUT, PIECES[0].length, "counted"];
    expect(settled).toEqual([cost, cost, cost]);
    await until(() => provider.gone() >= before + 3);
  });

  test("passes the provider's errors on, and hides none of a helper", async () => {
    const client = await newAnthropic();
    const { limiter, settled } = stage();
    for (const status of [400, 529]) {
      const failing = { ...call, model: `status-${String(status)}` };
      const error = await errorOf(
        limiter.meter("alice", failing, async ({ body }) => client.messages.create(body)),
      );
      expect(error).toMatchObject({ status });
    }
    const failing = { ...call, model: "status-400" };
    const unheard = async (): Promise<void> =>
      limiter.meter("alice", failing, ({ body }) => client.messages.stream(body)).then(ended);
    expect(await rejectionsDuring(unheard)).toEqual([expect.objectContaining({ status: 400 })]);
    expect(settled).toEqual([[0, 0, "none"], ...estimated(0, "estimated"), [0, 0, "none"]]);
  });
});

suiteFor("ai", "@ai-sdk/openai")("ai 7 with aiSdkMiddleware", () => {
  type Api = "chat" | "responses";
  const newModel = async (limiter: Limiter, name: string = "plain", api: Api = "responses") => {
    const { wrapLanguageModel } = await load("ai");
    const { createOpenAI } = await load("@ai-sdk/openai");
    const model = createOpenAI({ baseURL: `${provider.url}/v1`, apiKey: "none" })[api](name);
    const middleware: AiSdk.LanguageModelMiddleware = aiSdkMiddleware(limiter, {
      subject: ({ providerOptions }) => {
        const user = providerOptions?.["tollgate"]?.["user"];
        return typeof user === "string" ? user : "alice";
      },
    });
    return wrapLanguageModel({ model, middleware });
  };
  const call = { messages, maxRetries: 0 };
  const silently = { onError: () => undefined };

  test.each(["chat", "responses"] as const)(
    "settles generateText and streamText: %s",
    async (api) => {
      const { generateText, streamText } = await load("ai");
      const { limiter, settled } = stage();
      const model = await newModel(limiter, "plain", api);
      const { text, usage } = await generateText({ ...call, model });
      expect([text, usage.totalTokens]).toEqual([PIECES.join(""), INPUT + OUTPUT]);
      const streamed = streamText({ ...call, model });
      expect(await streamed.text).toBe(PIECES.join(""));
      expect((await streamed.usage).totalTokens).toBe(INPUT + OUTPUT);
      expect(settled).toEqual([...measured, ...measured]);
    },
  );

  test("charges whom the call names", async () => {
    const { generateText } = await load("ai");
    const { limiter } = stage();
    const model = await newModel(limiter);
    await generateText({ ...call, model, providerOptions: { tollgate: { user: "bob" } } });
    const used = async (subject: string): Promise<unknown> => {
      const usages = await limiter.usage(subject);
      return usages.find(({ type }) => type === "outputToken")?.current;
    };
    expect([await used("alice"), await used("bob")]).toEqual([0, OUTPUT]);
  });

  test("W31 counts what comes without usage", async () => {
    const { generateText } = await load("ai");
    const { limiter, settled } = stage();
    await generateText({ ...call, model: await newModel(limiter, "silent", "chat") });
    expect(settled).toEqual(estimated(WRITTEN, "counted"));
  });

  test("D-STR-08 settles an aborted stream, although onEnd never runs", async () => {
    const { streamText } = await load("ai");
    const { limiter, settled } = stage();
    const { signal, abort } = abortable();
    let ends = 0;
    const before = provider.gone();
    const { textStream } = streamText({
      ...call,
      ...silently,
      model: await newModel(limiter, "stuck"),
      abortSignal: signal,
      onEnd: () => {
        ends += 1;
      },
    });
    for await (const text of textStream) {
      expect(text).toBe(PIECES[0]);
      abort();
    }
    expect(ends).toBe(0);
    expect(settled).toEqual(estimated(PIECES[0].length, "counted"));
    await until(() => provider.gone() > before);
  });

  test("settles a stream that its only reader cancels", async () => {
    const { limiter, settled } = stage();
    const model = await newModel(limiter, "stuck");
    const prompt = [{ role: "user" as const, content: [{ type: "text" as const, text: "Hi." }] }];
    const before = provider.gone();
    const { stream } = await model.doStream({ prompt });
    const reader = stream.getReader();
    for (;;) {
      const { value } = await reader.read();
      if (value?.type === "text-delta") break;
    }
    await reader.cancel();
    expect(settled).toEqual(estimated(PIECES[0].length, "counted"));
    await until(() => provider.gone() > before);
  });

  test("passes the provider's errors on, and settles by them", async () => {
    const { generateText, streamText } = await load("ai");
    const { limiter, settled } = stage();
    for (const status of [400, 500]) {
      const model = await newModel(limiter, `status-${String(status)}`);
      const error = await errorOf(generateText({ ...call, model }));
      expect(error).toMatchObject({ statusCode: status });
    }
    const model = await newModel(limiter, "broken");
    const { textStream } = streamText({ ...call, ...silently, model });
    expect(await errorOf(collect(textStream))).toMatchObject({ cause: { message: "terminated" } });
    expect(settled).toEqual([
      [0, 0, "none"],
      ...estimated(0, "estimated"),
      ...estimated(PIECES[0].length, "counted"),
    ]);
  });

  test("refuses without asking the provider, in a way that is recognised", async () => {
    const { generateText, streamText } = await load("ai");
    const { limiter, settled } = stage(5);
    const model = await newModel(limiter);
    const asked = provider.requests.length;
    // Not tried again, as an error of the provider would be.
    expect(isRateLimitError(await errorOf(generateText({ messages, model })))).toBe(true);
    const errors: unknown[] = [];
    const { textStream } = streamText({
      ...call,
      model,
      onError: ({ error }) => {
        errors.push(error);
      },
    });
    await collect(textStream);
    expect(errors.map(isRateLimitError)).toEqual([true]);
    expect(provider.requests).toHaveLength(asked);
    expect(settled).toEqual([]);
  });

  test("lowers the cap of a call that fits only in part", async () => {
    const { generateText, wrapLanguageModel } = await load("ai");
    const { createOpenAI } = await load("@ai-sdk/openai");
    const { limiter } = stage(120);
    const middleware = aiSdkMiddleware(limiter, {
      subject: "alice",
      policy: { hard: true, partialGrant: { minOutputTokens: 10 } },
    });
    const plain = createOpenAI({ baseURL: `${provider.url}/v1`, apiKey: "none" }).responses(
      "plain",
    );
    const model = wrapLanguageModel({ model: plain, middleware });
    await generateText({ ...call, model, maxOutputTokens: 500 });
    expect(provider.requests.at(-1)).toMatchObject({ max_output_tokens: 120 });
  });

  test("leaves a result of streamText in limiter.meter alone: it is settled as held", async () => {
    const { streamText } = await load("ai");
    const { createOpenAI } = await load("@ai-sdk/openai");
    const { limiter, settled } = stage();
    const model = createOpenAI({ baseURL: `${provider.url}/v1`, apiKey: "none" }).responses(
      "plain",
    );
    const asked = provider.requests.length;
    const result = await limiter.meter("alice", { model: "plain", messages }, ({ body }) =>
      streamText({ messages: [...body.messages], model }),
    );
    expect(settled).toEqual(estimated(GUESSED, "estimated"));
    expect(await result.text).toBe(PIECES.join(""));
    expect(provider.requests).toHaveLength(asked + 1);
  });

  test("takes a result of generateText in limiter.meter", async () => {
    const { generateText } = await load("ai");
    const { createOpenAI } = await load("@ai-sdk/openai");
    const { limiter, settled } = stage();
    const model = createOpenAI({ baseURL: `${provider.url}/v1`, apiKey: "none" }).responses(
      "plain",
    );
    await limiter.meter("alice", { model: "plain", messages }, async ({ body }) =>
      generateText({ messages: [...body.messages], model }),
    );
    expect(settled).toEqual(measured);
  });
});
