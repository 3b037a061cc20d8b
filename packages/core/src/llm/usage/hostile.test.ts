import { expect, test } from "@jest/globals";
import fc from "fast-check";

import { holds } from "../../property.test-support.ts";
import { frame, responseShapes } from "./shapes.test-support.ts";
import { UsageStripper } from "./strip-usage.ts";
import { createUsageReader, type UsageReading } from "./usage-reader.ts";

const contentTypes = [
  "text/event-stream",
  "application/x-ndjson",
  "application/json",
  "application/vnd.amazon.eventstream",
  "text/plain",
  "application/octet-stream",
  "nonsense",
  "",
];

function readAll(
  contentType: string,
  chunks: readonly Uint8Array[],
  countText: (text: string) => number = (text) => text.length,
): UsageReading {
  const reader = createUsageReader({
    contentType,
    contentEncoding: undefined,
    countText,
    maxBufferedBytes: 2048,
  });
  for (const bytes of chunks) reader.write(bytes);
  reader.end();
  reader.end();
  reader.write(new Uint8Array(3));
  return reader.reading();
}

function cut(bytes: Uint8Array, size: number): readonly Uint8Array[] {
  const count = Math.ceil(bytes.length / size);
  return Array.from({ length: count }, (_, index) =>
    bytes.subarray(index * size, (index + 1) * size),
  );
}

const piece = fc.oneof(
  fc.string({ unit: "binary" }),
  fc.json(),
  fc.constantFrom(
    "data: ",
    "data:",
    "\n\n",
    "\r",
    "event: error\n",
    "[",
    "{",
    '{"choices":[null,5,{"delta":{"content":{}}}]}',
    '{"choices":[{"delta":{"tool_calls":[{}],"content":[{},1]}}],"usage":[]}',
    '{"type":"content_block_delta","delta":null}',
    '{"candidates":[{"content":{"parts":[null,{"functionCall":{}}]}}]}',
    '{"message":{"tool_calls":[{}]},"done":true}',
    '{"output":{"message":{"content":[{"toolUse":{}}]}},"usage":{}}',
    '{"object":"response","output":[{"content":[null]}],"status":5}',
    '{"usage":{"input_tokens":1e400,"output_tokens":-1}}',
    '"usage":{'.repeat(40),
    '{"a":'.repeat(3000),
    `${"[".repeat(3000)}1${"]".repeat(3000)}`,
    '"\\ud800"',
    "x".repeat(3000),
  ),
);
const text = fc.array(piece, { maxLength: 8 }).map((parts) => Buffer.from(parts.join("")));
const bytes = fc.oneof(text, fc.uint8Array({ maxLength: 200 }));
const anyType = fc.constantFrom(...contentTypes);

test("no bytes make the reader or the stripper throw, and cuts change nothing", () => {
  holds(fc.tuple(anyType, bytes, fc.integer({ min: 1, max: 90 })), ([type, body, size]) => {
    const whole = readAll(type, [body]);
    expect(readAll(type, cut(body, size))).toEqual(whole);
    const stripper = new UsageStripper();
    const kept = [...cut(body, size).flatMap((part) => stripper.push(part)), ...stripper.end()];
    expect(Buffer.concat(kept).length).toBeLessThanOrEqual(body.length);
  });
});

test("known answers with bytes changed at random do not make it throw", () => {
  const change = fc.tuple(fc.nat(), fc.nat(255));
  const changes = fc.array(change, { minLength: 1, maxLength: 6 });
  holds(
    fc.tuple(fc.nat(responseShapes.length - 1), changes, anyType, fc.boolean()),
    ([index, edits, other, wrong]) => {
      const shape = responseShapes[index];
      const body = Uint8Array.from(shape?.bytes ?? []);
      for (const [place, byte] of edits) body[place % Math.max(1, body.length)] = byte;
      const type = wrong ? other : (shape?.contentType ?? other);
      expect(readAll(type, cut(body, 61))).toEqual(readAll(type, [body]));
    },
  );
});

function broken(): number {
  throw new Error("no");
}

test("a counter that throws, or counts nonsense, counts nothing", () => {
  const body = Buffer.from("some text");
  for (const countText of [broken, () => Number.NaN, () => -5, () => Number.POSITIVE_INFINITY]) {
    expect(readAll("text/plain", [body], countText)).toMatchObject({
      emittedTokens: 0,
      complete: true,
    });
  }
});

test("headers that cannot be read are none", () => {
  const reader = createUsageReader({
    contentType: "application/json",
    contentEncoding: undefined,
    countText: () => 0,
    header: () => {
      throw new Error("no");
    },
  });
  expect(reader.reading().usage).toBeUndefined();
});

test("counts in headers are read although the body is encoded", () => {
  const counts: Readonly<Record<string, string>> = {
    "x-amzn-bedrock-input-token-count": "31",
    "x-amzn-bedrock-output-token-count": "0",
    "x-amzn-bedrock-cache-read-input-token-count": "9",
    "x-amzn-bedrock-cache-write-input-token-count": "many",
  };
  const reader = createUsageReader({
    contentType: "application/json",
    contentEncoding: "br",
    countText: () => 0,
    header: (name) => counts[name],
  });
  expect(reader.reading()).toMatchObject({ complete: false, readable: false });
  reader.end();
  expect(reader.reading()).toMatchObject({
    complete: true,
    usage: { input: 40, cachedRead: 9, output: 0 },
  });
});

test("a frame's headers of every type are stepped over, and broken ones end them", () => {
  const good = frame(
    { ":message-type": "event", ":event-type": "metadata" },
    { usage: { inputTokens: 21, outputTokens: 8 } },
  );
  const values = [
    [0],
    [1],
    [2, 1],
    [3, 1, 2],
    [4, 1, 2, 3, 4],
    [5, ...Array<number>(8).fill(1)],
    [6, 0, 2, 9, 9],
    [8, ...Array<number>(8).fill(1)],
    [9, ...Array<number>(16).fill(1)],
  ];
  const block = Buffer.concat(values.map((value) => Buffer.from([1, 0x61, ...value])));
  const withOthers = (extra: Uint8Array): Buffer => {
    const headers = good.subarray(12, 12 + Buffer.from(good).readUInt32BE(4));
    const payload = good.subarray(12 + headers.length);
    const prelude = Buffer.alloc(12);
    prelude.writeUInt32BE(good.length + extra.length, 0);
    prelude.writeUInt32BE(headers.length + extra.length, 4);
    return Buffer.concat([prelude, extra, headers, payload]);
  };
  const type = "application/vnd.amazon.eventstream";
  const bedrock = readAll(type, [withOthers(block)]);
  expect(bedrock).toMatchObject({
    usage: { input: 21, output: 8 },
    readable: true,
    recognised: true,
  });
  for (const broken of [[1, 0x61, 77], [200], [1, 0x61, 7, 255, 255], [1, 0x61]]) {
    expect(readAll(type, [withOthers(Buffer.from(broken)), good])).toMatchObject({
      usage: { input: 21, output: 8 },
      readable: true,
    });
  }
});

function used(): number {
  globalThis.gc?.();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

test.each([
  ["shorter than its headers", 100, 90],
  ["longer than any", 0x7fff_ffff, 20],
  ["with more headers than any", 900_000, 800_000],
])("a frame %s ends the reading, and not what was read", (_, total, headers) => {
  const before = frame({ ":event-type": "contentBlockDelta" }, { delta: { text: "Low" } });
  const bad = Buffer.alloc(4096);
  bad.writeUInt32BE(total, 0);
  bad.writeUInt32BE(headers, 4);
  const reading = readAll("application/vnd.amazon.eventstream", [before, bad, before]);
  expect(reading).toMatchObject({ readable: false, emittedTokens: 3, complete: false });
});

test.each([
  ["text/event-stream", "data: ", "x"],
  ["text/event-stream", "", "data: x\n"],
  ["application/x-ndjson", "", "x"],
  ["application/json", "{", "x"],
  ["application/json", "[{", "x"],
  ["application/json", "[", "[{"],
  ["application/json", "", " "],
  ["text/plain", "", "x y "],
  ["application/vnd.amazon.eventstream", "\0\0\xff\xff\0\0\0\0\0\0\0\0", "x"],
])("%s of %j and then endless %j keeps little", (contentType, opening, endless) => {
  const reader = createUsageReader({ contentType, contentEncoding: undefined, countText: () => 0 });
  reader.write(Buffer.from(opening, "latin1"));
  const filler = Buffer.from(endless.repeat(16_384 / endless.length));
  for (let count = 0; count < 40; count += 1) reader.write(filler);
  const before = used();
  for (let count = 0; count < 200; count += 1) reader.write(filler);
  expect(used() - before).toBeLessThan(1024 * 1024);
  expect(reader.reading().begun).toBe(true);
});

test("a hostile tail of usage keys is searched in bounded time", () => {
  const reader = createUsageReader({
    contentType: "application/json",
    contentEncoding: undefined,
    countText: () => 0,
    maxBufferedBytes: 64 * 1024,
  });
  reader.write(Buffer.from(`{${'"usage":{'.repeat(100_000)}`));
  const startedMs = performance.now();
  reader.end();
  expect(performance.now() - startedMs).toBeLessThan(500);
});
