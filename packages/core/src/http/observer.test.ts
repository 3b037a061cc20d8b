import { describe, expect, test } from "@jest/globals";

import { responseShapes } from "../llm/usage/shapes.test-support.ts";
import { createUsageReader, type UsageReader } from "../llm/usage/usage-reader.ts";
import { type ReadHeader, UsageObserver } from "./observer.ts";

const readerFor = (header: ReadHeader): UsageReader =>
  createUsageReader({
    contentType: header("content-type"),
    contentEncoding: header("content-encoding"),
    countText: (text) => text.length / 4,
  });

const headersOf =
  (headers: Readonly<Record<string, string>>): ReadHeader =>
  (name) =>
    headers[name];

/** What is sent of a body in parts of one length, as a response would send it. */
function pass(observer: UsageObserver, header: ReadHeader, bytes: Buffer, length: number): Buffer {
  observer.head(header);
  const sent: Uint8Array[] = [];
  for (let at = 0; at < bytes.length; at += length) {
    const part = bytes.subarray(at, at + length);
    const instead = observer.data(part);
    sent.push(...(instead ?? [part]).map((piece) => Buffer.from(piece)));
    // Its owner may use the memory again.
    if (instead === undefined) sent[sent.length - 1] = Buffer.from(part);
  }
  return Buffer.concat([...sent, ...observer.end()]);
}

describe("an observed answer", () => {
  test.each(responseShapes.map((shape) => [shape.name, shape] as const))(
    "%s: passes byte for byte, and is read as if it had come whole",
    (_, { contentType, bytes }) => {
      const header = headersOf({ "content-type": contentType });
      const body = Buffer.from(bytes);
      const whole = readerFor(header);
      whole.write(body);
      whole.end();
      for (const length of [1, 7, 100, body.length]) {
        const observer = new UsageObserver(readerFor);
        expect(pass(observer, header, body, length)).toStrictEqual(body);
        expect(observer.reading).toStrictEqual(whole.reading());
      }
    },
  );

  test("is read whole however much of it comes at once, also before its end", () => {
    const event = `data: {"choices":[{"index":0,"delta":{"content":"${"word ".repeat(10)}"}}]}\n\n`;
    const header = headersOf({ "content-type": "text/event-stream" });
    for (const events of [1, 100, 2000]) {
      const bytes = Buffer.from(event.repeat(events));
      const observer = new UsageObserver(readerFor);
      observer.head(header);
      for (const part of [bytes, bytes.subarray(0, event.length)]) {
        expect(observer.data(part)).toBeUndefined();
      }
      expect(observer.reading?.emittedTokens).toBe((events + 1) * 12.5);
    }
  });
});

describe("small parts", () => {
  const part = Buffer.from(`data: {"choices":[{"index":0,"delta":{"content":"word "}}]}\n\n`);

  test("are gathered, up to a bound, and none is lost or changed", () => {
    const writes: Buffer[] = [];
    const reader = readerFor(headersOf({}));
    const write = (chunk: Uint8Array): void => void writes.push(Buffer.from(chunk));
    const observer = new UsageObserver(() => ({ ...reader, write }));
    const bytes = Buffer.concat(Array.from({ length: 2000 }, () => part));
    pass(observer, headersOf({}), bytes, part.length);
    expect(Buffer.concat(writes)).toStrictEqual(bytes);
    expect(writes.length).toBeLessThan(10);
    expect(Math.max(...writes.map(({ length }) => length))).toBeLessThanOrEqual(32 * 1024);
  });
});

describe("usage that was asked for in a client's name", () => {
  const asking = { model: "gpt-4o", stream: true, messages: [{ role: "user", content: "Hi" }] };
  const text = 'data: {"choices":[{"index":0,"delta":{"content":"Hi"}}]}\n\n';
  const report = 'data: {"choices":[],"usage":{"prompt_tokens":9,"completion_tokens":1}}\n\n';
  const stream = `${text}${report}data: [DONE]\n\n`;

  function sent(body: object, headers: Readonly<Record<string, string>>, times = 1): string {
    const observer = new UsageObserver(readerFor);
    let upstream = body;
    for (let n = 0; n < times; n += 1) upstream = observer.ask(upstream, {});
    expect(upstream).toMatchObject({ stream_options: { include_usage: true } });
    return pass(observer, headersOf(headers), Buffer.from(stream), 11).toString();
  }

  test.each([
    [{ "content-type": "text/event-stream" }, 1],
    [{ "content-type": "Text/Event-Stream; charset=utf-8" }, 1],
    [{ "content-type": "text/event-stream", "content-encoding": "identity" }, 1],
    [{ "content-type": "text/event-stream" }, 2],
  ])("does not reach it: %j, asked %d times", (headers, times) => {
    expect(sent(asking, headers, times)).toBe(stream.replace(report, ""));
  });

  test("reaches a client that asked for it as well", () => {
    const asked = { ...asking, stream_options: { include_usage: true } };
    expect(sent(asked, { "content-type": "text/event-stream" })).toBe(stream);
  });

  test("is left where it cannot be taken out", () => {
    for (const headers of [
      { "content-type": "text/event-stream", "content-encoding": "gzip" },
      { "content-type": "application/octet-stream" },
    ]) {
      expect(sent(asking, headers)).toBe(stream);
    }
  });

  test("is not asked for where the upstream has no such option", () => {
    const observer = new UsageObserver(readerFor);
    expect(observer.ask(asking, { path: "/v1/messages" })).toBe(asking);
  });
});
