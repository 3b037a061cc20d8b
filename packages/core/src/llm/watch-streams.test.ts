import { describe, expect, test } from "@jest/globals";

import { endingOf } from "./ending.ts";
import {
  booked,
  chatBody,
  chunk,
  ESTIMATED,
  GUESSED,
  type MeterStage,
  meterStage,
  turns,
  usageChunk,
  wholeStream,
} from "./in-process.test-support.ts";

const meter = async <T>(
  { limiter, options }: MeterStage,
  answer: T,
  policy: object = {},
): Promise<T> => limiter.meter("alice", chatBody, () => answer, { ...options, policy });

/** What a source was asked for. */
interface Log {
  readonly pulled: unknown[];
  /** How often it was told to stop. */
  stopped: number;
}

const newLog = (): Log => ({ pulled: [], stopped: 0 });

async function* generate(events: readonly unknown[], log: Log = newLog()): AsyncGenerator {
  let done = false;
  try {
    for (const event of events) {
      log.pulled.push(event);
      if (event instanceof Error) throw event;
      yield event;
    }
    done = true;
  } finally {
    if (!done) log.stopped += 1;
  }
}

/**
 * The stream class of the official clients: one function behind all ways to read it, and an abort
 * that looks like an end.
 */
class SdkStream {
  readonly iterator: () => AsyncGenerator;
  readonly controller = new AbortController();

  constructor(events: readonly unknown[]) {
    const { signal } = this.controller;
    this.iterator = async function* iterator(this: unknown) {
      for (const event of events) {
        if (signal.aborted) return;
        yield event;
      }
    };
  }

  [Symbol.asyncIterator](): AsyncGenerator {
    return this.iterator();
  }

  toReadableStream(): ReadableStream {
    const iterator = this[Symbol.asyncIterator]();
    return new ReadableStream({
      pull: async (controller) => {
        const { done, value } = await iterator.next();
        if (done === true) controller.close();
        else controller.enqueue(value);
      },
      cancel: async () => {
        await iterator.return(undefined);
      },
    });
  }
}

/** An iterable that is no generator, as clients with classes of their own have it. */
const iterable = (events: readonly unknown[], log?: Log): AsyncIterable<unknown> => ({
  [Symbol.asyncIterator]: () => generate(events, log),
});

function readable(events: readonly unknown[], log: Log = newLog()): ReadableStream {
  let at = 0;
  return new ReadableStream(
    {
      pull: (controller) => {
        const event = events[at];
        log.pulled.push(event);
        at += 1;
        if (at > events.length) controller.close();
        else if (event instanceof Error) controller.error(event);
        else controller.enqueue(event);
      },
      cancel: () => {
        log.stopped += 1;
      },
    },
    { highWaterMark: 0 },
  );
}

async function collect(stream: AsyncIterable<unknown>): Promise<unknown[]> {
  const events = [];
  for await (const event of stream) events.push(event);
  return events;
}

const sse = (events: readonly unknown[]): string =>
  [...events.map((event) => JSON.stringify(event)), "[DONE]"]
    .map((data) => `data: ${data}\n\n`)
    .join("");

const kinds = [
  { name: "a generator", make: generate },
  { name: "an iterable", make: iterable },
  { name: "a stream of the web", make: readable },
] as const;

const measured = [booked(7, 3, "measured")];

describe.each(kinds)("$name", ({ make }) => {
  test("is settled at its end, once", async () => {
    const stage = meterStage();
    const stream = await meter(stage, make(wholeStream));
    expect(stage.settled).toEqual([]);
    expect(await collect(stream)).toEqual(wholeStream);
    expect(stage.settled).toEqual(measured);
    expect(stage.told).toHaveLength(1);
    await stage.limiter.close();
    expect(stage.settled).toHaveLength(1);
  });

  test("W31 is counted where no usage comes", async () => {
    const stage = meterStage();
    await collect(await meter(stage, make(wholeStream.slice(0, 3))));
    expect(stage.settled).toEqual([booked(ESTIMATED, 12, "counted")]);
  });

  test("D-STR-01 costs what was written when its reader leaves, and is stopped", async () => {
    const log = newLog();
    const stage = meterStage();
    for await (const event of await meter(stage, make(wholeStream, log))) {
      if (event === wholeStream[1]) break;
    }
    expect(stage.settled).toEqual([booked(ESTIMATED, 12, "counted")]);
    expect(log).toEqual({ pulled: wholeStream.slice(0, 2), stopped: 1 });
  });

  test("costs what was written when its reader throws, whose error it is", async () => {
    const log = newLog();
    const stage = meterStage();
    const stream = await meter(stage, make(wholeStream, log));
    const reading = (async () => {
      for await (const event of stream) if (event !== undefined) throw new Error("of the reader");
    })();
    await expect(reading).rejects.toThrow("of the reader");
    expect(stage.settled).toEqual([booked(ESTIMATED, 6, "counted")]);
    expect(log.stopped).toBe(1);
  });

  test.each([
    ["onAbort", "refund", [booked(0, 0, "none")]],
    ["onAbort", "reserved", [booked(ESTIMATED, GUESSED, "estimated")]],
    ["onFailure", "refund", [booked(ESTIMATED, 6, "counted")]],
  ])("costs what the policy says when its reader leaves: %s %s", async (name, cut, cost) => {
    const stage = meterStage();
    for await (const event of await meter(stage, make(wholeStream), { [name]: cut })) {
      if (event !== undefined) break;
    }
    expect(stage.settled).toEqual(cost);
  });

  test.each([
    ["fails", new Error("reset"), "onFailure"],
    ["is aborted", Object.assign(new Error("stop"), { name: "AbortError" }), "onAbort"],
  ])("passes the error on when it %s, and costs what was written", async (_, error, option) => {
    for (const [cut, cost] of [
      ["emitted", booked(ESTIMATED, 6, "counted")],
      ["refund", booked(0, 0, "none")],
    ] as const) {
      const stage = meterStage();
      const stream = await meter(stage, make([chunk("Hello "), error]), { [option]: cut });
      await expect(collect(stream)).rejects.toBe(error);
      expect(stage.settled).toEqual([cost]);
    }
  });

  test("passes the error on even if the store fails, and the answer too", async () => {
    const stage = meterStage({ fails: (operation) => operation === "settle" });
    const error = new Error("reset");
    await expect(collect(await meter(stage, make([chunk("a"), error])))).rejects.toBe(error);
    expect(await collect(await meter(stage, make(wholeStream)))).toEqual(wholeStream);
  });

  test("that is never read is settled when the limiter closes", async () => {
    const stage = meterStage();
    await meter(stage, make(wholeStream));
    await stage.limiter.close();
    expect(stage.settled).toEqual([booked(ESTIMATED, 0, "estimated")]);
  });

  test("that nobody can read any more is settled, and not held for ever", async () => {
    const stage = meterStage();
    await meter(stage, make(wholeStream));
    for (let round = 0; round < 20 && stage.settled.length === 0; round += 1) {
      await turns();
      globalThis.gc?.();
    }
    expect(stage.settled).toEqual([booked(ESTIMATED, 0, "estimated")]);
  });

  test("is pulled no faster than it is read", async () => {
    const log = newLog();
    const many = Array.from({ length: 100 }, () => chunk("a"));
    const stream = await meter(meterStage(), make(many, log));
    await turns();
    expect(log.pulled).toEqual([]);
    for await (const event of stream) {
      await turns();
      expect(event).toBe(log.pulled.at(-1));
      if (log.pulled.length === 3) break;
    }
    expect(log.pulled).toHaveLength(3);
  });
});

describe("a generator", () => {
  test("may be read by hand, and takes what is sent to it", async () => {
    const sent: unknown[] = [];
    const source = (async function* source(): AsyncGenerator<object, string, string> {
      sent.push(yield chunk("Hello "));
      sent.push(yield usageChunk);
      return "over";
    })();
    const stage = meterStage();
    const generator = await meter(stage, source);
    expect(generator).toBe(source);
    expect(generator[Symbol.asyncIterator]()).toBe(source);
    await generator.next("");
    await generator.next("one");
    expect(await generator.next("two")).toEqual({ done: true, value: "over" });
    expect(sent).toEqual(["one", "two"]);
    expect(stage.settled).toHaveLength(1);
    expect(await generator.next("")).toEqual({ done: true, value: undefined });
  });

  test("may be ended by hand", async () => {
    const stage = meterStage();
    const log = newLog();
    const generator = await meter(stage, generate(wholeStream, log));
    await generator.next();
    const error = new Error("of the reader");
    await expect(generator.throw(error)).rejects.toBe(error);
    expect(await generator.return("gone")).toEqual({ done: true, value: "gone" });
    expect(stage.told).toHaveLength(1);
    expect(stage.settled).toEqual([booked(ESTIMATED, 6, "counted")]);
    expect(log.stopped).toBe(1);
  });

  test("is told to stop before a slow store has settled", async () => {
    const log = newLog();
    const stage = meterStage({ fails: () => false });
    const generator = await meter(stage, generate(wholeStream, log));
    await generator.next();
    const left = generator.return(undefined);
    await Promise.resolve();
    await Promise.resolve();
    expect(log.stopped).toBe(1);
    await left;
    expect(stage.settled).toHaveLength(1);
  });
});

function ringOf(text: string): object {
  const ring = { delta: text, toJSON: () => ({ delta: text }), self: {} };
  ring.self = { ring, again: ring };
  return ring;
}

describe("an iterable", () => {
  test("may lack everything but next", async () => {
    const stage = meterStage();
    const events = wholeStream.values();
    const stream: AsyncIterable<unknown> = {
      [Symbol.asyncIterator]: () => ({ next: async () => events.next() }),
    };
    for await (const event of await meter(stage, stream)) if (event !== undefined) break;
    expect(stage.settled).toEqual([booked(ESTIMATED, 6, "counted")]);
  });

  test("that is read twice is settled by the first reading", async () => {
    const stage = meterStage();
    const stream = await meter(stage, iterable(wholeStream));
    const [first, second] = [stream[Symbol.asyncIterator](), stream[Symbol.asyncIterator]()];
    await second.next();
    while ((await first.next()).done !== true);
    await first.return?.();
    expect(stage.settled).toEqual([]);
    while ((await second.next()).done !== true);
    expect(stage.settled).toEqual(measured);
  });

  test("that is frozen is settled as it is held", async () => {
    const stage = meterStage();
    const stream = Object.freeze(iterable(wholeStream));
    expect(await collect(await meter(stage, stream))).toEqual(wholeStream);
    expect(stage.settled).toEqual([booked(ESTIMATED, GUESSED, "estimated")]);
  });

  test("of bytes is read as the body it is", async () => {
    const stage = meterStage();
    const json = JSON.stringify({ choices: [], usage: { prompt_tokens: 7, completion_tokens: 3 } });
    for (const body of [sse(wholeStream), json]) {
      const bytes = [...Buffer.from(body)].map((byte) => Buffer.of(byte));
      await collect(await meter(stage, iterable(bytes)));
    }
    expect(stage.settled).toEqual([...measured, ...measured]);
  });

  test("of Bedrock's client is found beside its metadata", async () => {
    const stage = meterStage();
    const events = [
      { messageStart: { role: "assistant" } },
      { contentBlockDelta: { contentBlockIndex: 0, delta: { text: "Hello there." } } },
      { messageStop: { stopReason: "end_turn" } },
      { metadata: { usage: { inputTokens: 7, outputTokens: 3, totalTokens: 10 } } },
    ];
    const { stream } = await meter(stage, { $metadata: {}, stream: iterable(events) });
    await collect(stream);
    expect(stage.settled).toEqual(measured);
    const cut = meterStage();
    const { stream: other } = await meter(cut, { $metadata: {}, stream: iterable(events) });
    for await (const event of other) if (event === events[1]) break;
    expect(cut.settled).toEqual([booked(ESTIMATED, 12, "counted")]);
  });

  test("of objects that hold themselves is counted by what JSON has of them", async () => {
    const stage = meterStage();
    await collect(await meter(stage, iterable([ringOf("Hello "), ringOf("there.")])));
    expect(stage.settled).toEqual([booked(ESTIMATED, 12, "counted")]);
  });
});

describe("a stream of the official clients", () => {
  test("is settled however it is read", async () => {
    const reads: readonly ((stream: SdkStream) => AsyncIterable<unknown>)[] = [
      (stream) => stream,
      (stream) => stream.iterator(),
      (stream) => stream.toReadableStream(),
    ];
    for (const read of reads) {
      const stage = meterStage();
      const source = new SdkStream(wholeStream);
      const stream = await meter(stage, source);
      expect(stream).toBe(source);
      expect(await collect(read(stream))).toEqual(wholeStream);
      expect(stage.settled).toEqual(measured);
    }
  });

  test("beside its response is found", async () => {
    const stage = meterStage();
    const answer = { data: new SdkStream(wholeStream), response: new Response("") };
    const { data } = await meter(stage, answer);
    await collect(data);
    expect(stage.settled).toEqual(measured);
  });

  test("that was aborted ends like a whole one, and costs what the policy says", async () => {
    for (const [onAbort, cost] of [
      ["emitted", booked(ESTIMATED, 6, "counted")],
      ["refund", booked(0, 0, "none")],
      ["reserved", booked(ESTIMATED, GUESSED, "estimated")],
    ] as const) {
      const stage = meterStage();
      const stream = await meter(stage, new SdkStream(wholeStream), { onAbort });
      const events = [];
      for await (const event of stream) {
        events.push(event);
        stream.controller.abort();
      }
      expect(events).toHaveLength(1);
      expect(stage.settled).toEqual([cost]);
    }
  });
});

const eventStream = { headers: { "content-type": "text/event-stream" } };

describe("a response", () => {
  test("is settled at the end of its body, of which no byte changes", async () => {
    const stage = meterStage();
    const headers = { ...eventStream.headers, "content-encoding": "gzip", "x-id": "1" };
    const source = new Response(sse(wholeStream), { status: 201, statusText: "Made", headers });
    Object.defineProperty(source, "url", { value: "http://127.0.0.1/v1" });
    const response = await meter(stage, source);
    expect(response).toBeInstanceOf(Response);
    expect(response).toMatchObject({
      status: 201,
      statusText: "Made",
      url: "http://127.0.0.1/v1",
      redirected: false,
      type: source.type,
      bodyUsed: false,
    });
    expect(response.headers.get("x-id")).toBe("1");
    expect(stage.settled).toEqual([]);
    expect(await response.text()).toBe(sse(wholeStream));
    expect(stage.settled).toEqual(measured);
  });

  test("of JSON is read as one answer", async () => {
    const stage = meterStage();
    const answer = { choices: [{ finish_reason: "stop", message: { content: "Hi." } }] };
    const usage = { prompt_tokens: 7, completion_tokens: 3 };
    const response = await meter(stage, Response.json({ ...answer, usage }));
    expect(await response.json()).toEqual({ ...answer, usage });
    expect(stage.settled).toEqual(measured);
  });

  test.each([
    [404, booked(0, 0, "none")],
    [429, booked(0, 0, "none")],
    [500, booked(ESTIMATED, 0, "estimated")],
    [529, booked(ESTIMATED, 0, "estimated")],
  ])("of status %i is settled at once, whether its body is read or not", async (status, cost) => {
    const stage = meterStage();
    const response = await meter(stage, new Response('{"error":{}}', { status }));
    expect(stage.settled).toEqual([cost]);
    expect(await response.json()).toEqual({ error: {} });
    expect(stage.settled).toHaveLength(1);
  });

  test("without a body, or whose body was read, is settled at once", async () => {
    for (const make of [
      async () => new Response(null),
      async () => {
        const response = new Response("{}");
        await response.text();
        return response;
      },
    ]) {
      const stage = meterStage();
      await meter(stage, await make());
      expect(stage.settled).toEqual([booked(ESTIMATED, GUESSED, "estimated")]);
    }
  });

  test("that is cancelled cancels the provider's, and costs what was written", async () => {
    const stage = meterStage();
    const log = newLog();
    const chunks = wholeStream.map((event) => Buffer.from(`data: ${JSON.stringify(event)}\n\n`));
    const { body } = await meter(stage, new Response(readable(chunks, log), eventStream));
    const reader = body?.getReader();
    await reader?.read();
    await reader?.cancel("enough");
    expect(log.stopped).toBe(1);
    expect(stage.settled).toEqual([booked(ESTIMATED, 6, "counted")]);
  });
});

describe("a stream of the web", () => {
  test("D-STR-04 is not split: nothing queues up behind a slow reader", async () => {
    const log = newLog();
    const bytes = Array.from({ length: 2000 }, () => new Uint8Array(1024));
    const stream = await meter(meterStage(), readable(bytes, log));
    const reader = stream.getReader();
    for (let read = 0; read < 27; read += 1) await reader.read();
    await turns();
    await reader.cancel();
    expect(log.pulled.length).toBeLessThanOrEqual(28);
    expect(log.stopped).toBe(1);
  });

  test("of bytes can be read into the reader's own buffer, as before", async () => {
    const stage = meterStage();
    const source = new ReadableStream({
      type: "bytes",
      start: (controller) => {
        controller.enqueue(new TextEncoder().encode(sse(wholeStream)));
        controller.close();
      },
    });
    const stream = await meter(stage, source);
    const reader = stream.getReader({ mode: "byob" });
    let text = "";
    for (;;) {
      const { done, value } = await reader.read(new Uint8Array(64));
      if (done) break;
      text += Buffer.from(value).toString();
    }
    expect(text).toBe(sse(wholeStream));
    expect(stage.settled).toEqual(measured);
  });

  test("that derives from it keeps its class, and is watched as an iterable", async () => {
    class Derived extends ReadableStream<unknown> {}
    const stage = meterStage();
    const events = [...wholeStream];
    const source = new Derived({
      pull: (controller) => {
        const event = events.shift();
        if (event === undefined) controller.close();
        else controller.enqueue(event);
      },
    });
    const stream = await meter(stage, source);
    expect(stream).toBe(source);
    expect(await collect(stream)).toEqual(wholeStream);
    expect(stage.settled).toEqual(measured);
  });

  test("that is locked is settled as it is held", async () => {
    const stage = meterStage();
    const source = readable(wholeStream);
    source.getReader();
    expect(await meter(stage, source)).toBe(source);
    expect(stage.settled).toEqual([booked(ESTIMATED, GUESSED, "estimated")]);
  });
});

const named = (name: string): Error => Object.assign(new Error("gone"), { name });
const aborted = { reached: true, finished: false, status: 200 };
const failed = (status: number): object => ({ reached: true, finished: true, status });

describe("the error of", () => {
  test.each([
    ["OpenAI and Anthropic", { status: 404 }, failed(404)],
    ["the AI SDK", { statusCode: 429 }, failed(429)],
    ["the AI SDK after several tries", { lastError: { statusCode: 503 } }, failed(503)],
    ["Ollama", { status_code: 400 }, failed(400)],
    ["Bedrock", { $metadata: { httpStatusCode: 424 } }, failed(424)],
    ["a client that keeps the response", { response: { status: 401 } }, failed(401)],
    ["one that wraps another", new Error("a", { cause: { status: 422 } }), failed(422)],
    ["fetch, aborted", named("AbortError"), aborted],
    ["a client, aborted, its classes renamed", new Error("Request was aborted."), aborted],
    ["the AI SDK, aborted", { cause: named("AbortError") }, aborted],
    ["the network", new TypeError("fetch failed"), failed(500)],
    ["a status that is none", { status: "down", cause: { status: 0 } }, failed(500)],
    ["nobody", undefined, failed(500)],
  ])("%s tells how the call ended", (_, error, ending) => {
    expect(endingOf(error)).toEqual(ending);
  });

  test("one that is its own cause ends all the same", () => {
    const ring = new Error("ring");
    ring.cause = ring;
    expect(endingOf(ring)).toEqual(failed(500));
  });
});
