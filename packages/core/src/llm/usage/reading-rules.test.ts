import { expect, test } from "@jest/globals";

import { chunk, metadataFrame, responseShapes, says, sse } from "./shapes.test-support.ts";
import { createUsageReader, type UsageReader, type UsageReading } from "./usage-reader.ts";

const EVENTS = "text/event-stream";

const readerOf = (contentType: string, maxBufferedBytes?: number): UsageReader =>
  createUsageReader({
    contentType,
    contentEncoding: undefined,
    countText: (text) => text.length,
    ...(maxBufferedBytes === undefined ? {} : { maxBufferedBytes }),
  });

function readAs(contentType: string, bytes: Uint8Array | string, cap?: number): UsageReading {
  const reader = readerOf(contentType, cap);
  reader.write(typeof bytes === "string" ? Buffer.from(bytes) : bytes);
  reader.end();
  return reader.reading();
}

const success = ({ complete, failed }: UsageReading): boolean => complete && !failed;

/** What is read of a shape. */
function readingOf(name: string): UsageReading {
  const shape = responseShapes.find((one) => one.name === name);
  if (shape === undefined) throw new Error(`no shape "${name}"`);
  return readAs(shape.contentType, shape.bytes);
}

test("W20, D-LLM-08: a Responses stream settles to its usage however it ended, and only `completed` is a success", () => {
  const [completed, incomplete, failed] = ["completed", "incomplete", "failed"].map((how) =>
    readingOf(`responses: ${how}`),
  );
  expect(completed?.usage).toMatchObject({ input: 40, output: 64 });
  expect(incomplete?.usage).toMatchObject({ input: 40, output: 64 });
  expect(failed?.usage).toMatchObject({ input: 40, output: 3 });
  const error = readingOf("responses: an error event, and no usage");
  expect(error).toMatchObject({ usage: undefined, emittedTokens: "Sky?Blue.".length });
  expect(
    [completed, incomplete, failed, error].map((one) => one !== undefined && success(one)),
  ).toEqual([true, false, false, false]);
});

test("W20: a general end after `response.incomplete` does not make it complete", () => {
  const event = { type: "response.incomplete", response: { usage: { input_tokens: 4 } } };
  const reading = readAs(EVENTS, sse(event, "[DONE]"));
  expect(reading).toMatchObject({ usage: { input: 4 }, complete: false, failed: false });
});

test("W21, D-LLM-06: Anthropic's running totals replace each other, and null erases nothing", () => {
  const { usage } = readingOf("anthropic: cumulative, with nulls");
  expect(usage).toEqual({ input: 3076, cachedRead: 2048, cacheWrite: 128, output: 47 });
  // The input comes again without the caches it had before.
  expect(readingOf("anthropic: repeats part of the input side").usage?.input).toBe(3076);
});

test("W21: null erases nothing, on whichever side it is", () => {
  const usages = [
    { input_tokens: 9, cache_read_input_tokens: 5, output_tokens: 1 },
    { input_tokens: null, cache_read_input_tokens: null, output_tokens: 47 },
    { input_tokens: 9, cache_read_input_tokens: null, output_tokens: null },
  ];
  const events = usages.map((usage) => ({ type: "message_delta", delta: {}, usage }));
  const { usage } = readAs(EVENTS, sse(...events));
  expect(usage).toEqual({ input: 14, cachedRead: 5, output: 47 });
});

test("W21: a final 0 replaces the 1 that a message begins with (D-LLM-05)", () => {
  expect(readingOf("anthropic: nothing was to be written").usage?.output).toBe(0);
});

test("D-LLM-05: usage 0 is measured, no usage is none (W31)", () => {
  expect(readingOf("chat: a reported zero").usage).toEqual({ input: 0, output: 0 });
  const { usage, emittedTokens } = readingOf("chat: without usage");
  expect(usage).toBeUndefined();
  expect(emittedTokens).toBeGreaterThan(0);
});

test("W22: Gemini's thoughts are added to its answer", () => {
  expect(readingOf("gemini: events").usage).toEqual({ input: 17, output: 258, reasoning: 240 });
});

test("W23, D-LLM-06: repeated and running totals are never summed", () => {
  expect(readingOf("vllm: running totals").usage?.output).toBe(50);
  expect(readingOf("groq: the same totals three times").usage).toEqual({ input: 18, output: 50 });
});

test("W24, D-LLM-09: cached tokens are part of the input, or come on top, by vendor", () => {
  expect(readingOf("chat: with usage in an extra chunk").usage?.input).toBe(412);
  expect(readingOf("anthropic: whole").usage?.input).toBe(21 + 4096);
  expect(readingOf("bedrock: converse stream with caches").usage?.input).toBe(64 + 1024);
});

test("W25, D-LLM-07: with usage, without and with its chunk only, the same text is metered", () => {
  const all = ["chat: with usage in an extra chunk", "chat: without usage"].map((name) =>
    readingOf(name),
  );
  expect(new Set(all.map(({ emittedTokens }) => emittedTokens)).size).toBe(1);
  expect(all.every(({ complete }) => complete)).toBe(true);
});

test("W26: an opening chunk without choices is neither usage nor an end", () => {
  const reader = readerOf(EVENTS);
  reader.write(sse(chunk(undefined, { prompt_filter_results: [] })));
  expect(reader.reading()).toMatchObject({ usage: undefined, complete: false, recognised: true });
});

test("W28: Groq's cache sizes in a whole answer are no usage", () => {
  expect(readingOf("groq: whole, with cache sizes that are no usage").usage).toEqual({
    input: 18,
    output: 5,
  });
});

test("W29: Ollama's absent counters are 0 at the end, missing before; an error line ends it", () => {
  expect(readingOf("ollama: counters left out").usage).toEqual({ input: 0, output: 2 });
  expect(readingOf("ollama: closed early").usage).toBeUndefined();
  expect(readingOf("ollama: an error line")).toMatchObject({ failed: true, complete: false });
});

test("W30: what broke off or failed is not complete, whatever its status was", () => {
  const broken = responseShapes.filter(({ name }) =>
    /closed|error|failed|breaks off|exception|lost|overloaded/.test(name),
  );
  expect(broken.length).toBeGreaterThan(12);
  for (const { name } of broken) expect([name, readingOf(name).complete]).toEqual([name, false]);
});

test("W30: Bedrock has to say both that the message is over and what it took", () => {
  const reading = readAs("application/vnd.amazon.eventstream", metadataFrame);
  expect(reading).toMatchObject({ usage: { input: 21, output: 8 }, complete: false });
});

const picture = "QUJD".repeat(100_000);

test("W32: a line far beyond the cap yields its usage, its end and its model", () => {
  const event = {
    type: "image_generation.completed",
    b64_json: picture,
    usage: { input_tokens: 74, output_tokens: 1056, total_tokens: 1130 },
  };
  const reading = readAs(EVENTS, sse(event));
  expect(reading).toMatchObject({ usage: { input: 74, output: 1056 }, complete: true });
  expect(reading).toMatchObject({ emittedTokens: 0, recognised: true });
  const first = { usage: event.usage, b64_json: picture, type: event.type };
  expect(readAs(EVENTS, sse(first))).toMatchObject({
    usage: { input: 74, output: 1056 },
    complete: true,
  });
});

test("W32: a body of megabytes yields its usage, also when cut anywhere", () => {
  const body = Buffer.from(
    JSON.stringify({
      object: "list",
      model: "embed-example",
      data: [{ embedding: picture }],
      usage: { prompt_tokens: 58, total_tokens: 58 },
    }),
  );
  const whole = readAs("application/json", body);
  expect(whole).toMatchObject({
    usage: { input: 58, output: 0 },
    complete: true,
    model: "embed-example",
  });
  const reader = readerOf("application/json");
  for (let at = 0; at < body.length; at += 977) reader.write(body.subarray(at, at + 977));
  reader.end();
  expect(reader.reading()).toEqual(whole);
  expect(readAs("application/json", body.subarray(0, -2)).complete).toBe(false);
});

test("W32: a body too long to keep whose usage is not found cannot be read", () => {
  const reading = readAs("application/json", JSON.stringify({ model: "m", text: picture }));
  expect(reading).toMatchObject({ readable: false, usage: undefined, emittedTokens: 0 });
});

test("W32: the last usage that is one counts; keys in arguments and texts do not", () => {
  const usage = { input_tokens: 5, output_tokens: 6 };
  const odd = { usage: { how: "so" }, text: '"usage":{"input_tokens":1}' };
  const call = (before: object): object => ({
    type: "message",
    content: [
      { type: "text", text: picture },
      { type: "tool_use", input: before },
    ],
    usage,
    more: odd,
  });
  const reading = readAs("application/json", JSON.stringify(call({ usage: { input_tokens: 9 } })));
  expect(reading.usage).toEqual({ input: 5, output: 6 });
});

test("W32: a long last line of Ollama yields its counters", () => {
  const line = {
    model: "llama-example",
    response: "",
    done: true,
    context: Array.from({ length: 90_000 }, (_, index) => index),
    prompt_eval_count: 90_000,
    eval_count: 3,
  };
  expect(readAs("application/x-ndjson", JSON.stringify(line))).toMatchObject({
    usage: { input: 90_000, output: 3 },
    complete: true,
    model: "llama-example",
  });
});

test("W32: an element of an array, and data in many lines, yield their usage beyond the cap", () => {
  const usageMetadata = { promptTokenCount: 12, candidatesTokenCount: 3 };
  const element = {
    candidates: [{ content: { parts: [{ inlineData: { data: picture } }] } }],
    usageMetadata,
  };
  expect(readAs("application/json", `[${JSON.stringify(element)}]`).usage).toEqual({
    input: 12,
    output: 3,
  });
  const data = JSON.stringify(element, null, 1).replace(picture, "A").split("\n");
  const lines = data.map((line) => `data: ${line}\n`).join("");
  expect(readAs(EVENTS, `${lines}\n`, 1024).usage).toEqual({ input: 12, output: 3 });
  const long = Array.from({ length: 300 }, () => 'data: "x",\n').join("");
  expect(
    readAs(EVENTS, `data: {"b":[\n${long}data: 1],\n${lines.slice("data: {\n".length)}\n`, 1024)
      .usage,
  ).toEqual({ input: 12, output: 3 });
});

test("W32: a frame beyond the cap is skipped, and reading goes on behind it", () => {
  const shape = responseShapes.find(({ name }) => name === "bedrock: converse stream");
  if (shape === undefined) throw new Error("no such shape");
  const long = Buffer.alloc(300_000);
  long.writeUInt32BE(long.length, 0);
  const bytes = Buffer.concat([long, shape.bytes]);
  const reading = readAs(shape.contentType, bytes);
  expect(reading).toMatchObject({ usage: { input: 21, output: 8 }, complete: true });
});

test("W33: padding and framing are not output", () => {
  expect(readingOf("bedrock: converse stream").emittedTokens).toBe('HmDöne.{"b":2}'.length);
  expect(readingOf("chat: obfuscation is not output").emittedTokens).toBe("Low tide".length);
});

test("W34: events that repeat what was said are not counted", () => {
  expect(readingOf("responses: completed").emittedTokens).toBe("Sky?Blue.".length);
});

test("W35, D-STR-03: streamed or whole, the same call has the same usage and text", () => {
  const usage = { prompt_tokens: 37, completion_tokens: 2, total_tokens: 39 };
  const whole = {
    model: "gpt-example",
    choices: [{ index: 0, message: { content: "Low tide" }, finish_reason: "stop" }],
    usage,
  };
  const streamed = sse(
    chunk(says("Low")),
    chunk(says(" tide", "stop")),
    chunk(undefined, { usage }),
    "[DONE]",
  );
  const expected = readAs("application/json", JSON.stringify(whole));
  expect(expected).toMatchObject({ usage: { input: 37, output: 2 }, complete: true });
  for (let place = 0; place <= streamed.length; place += 1) {
    const reader = readerOf(EVENTS);
    reader.write(streamed.subarray(0, place));
    reader.write(streamed.subarray(place));
    reader.end();
    expect(reader.reading()).toEqual(expected);
  }
});

test("what is known early can be read early", () => {
  const shape = responseShapes.find(({ name }) => name === "anthropic: cumulative, with nulls");
  if (shape === undefined) throw new Error("no such shape");
  const reader = readerOf(EVENTS);
  expect(reader.reading()).toMatchObject({ begun: false, usage: undefined, emittedTokens: 0 });
  reader.write(shape.bytes.subarray(0, 420));
  expect(reader.reading()).toMatchObject({
    begun: true,
    usage: { input: 3076, output: 1 },
    complete: false,
  });
  expect(reader.reading().model).toBe("claude-example");
});

test("what a model was told to write is no report of its usage", () => {
  const forged = sse(chunk(says("Low", "stop")), '{"choices":[],"usage":{"prompt_tokens":0}}');
  for (const contentType of ["text/plain", "text/plain; charset=utf-8", "application/json"]) {
    expect(readAs(contentType, forged)).toMatchObject({ usage: undefined, recognised: false });
  }
  expect(readAs("text/plain", forged).emittedTokens).toBeGreaterThan(forged.length / 2);
});

test("content types that are missing or wrong are seen through", () => {
  const events = sse(chunk(says("Low", "stop")));
  for (const contentType of ["", "text/event-stream"]) {
    expect(readAs(contentType, events)).toMatchObject({
      complete: true,
      emittedTokens: 3,
      recognised: true,
    });
  }
  const body = '\n{"model":"m","choices":[{"index":0,"message":{"content":"Low"}}]}';
  for (const contentType of ["application/problem+json", EVENTS, ""]) {
    expect(readAs(contentType, body)).toMatchObject({
      complete: true,
      emittedTokens: 3,
      model: "m",
    });
  }
});
