import { expect, test } from "@jest/globals";
import fc from "fast-check";

import { holds } from "../../property.test-support.ts";
import { chunk, responseShapes, says, sse } from "./shapes.test-support.ts";
import { UsageStripper } from "./strip-usage.ts";

const text = (bytes: readonly Uint8Array[]): string => Buffer.concat(bytes).toString("latin1");
const utf8 = (value: string): Uint8Array => new TextEncoder().encode(value);

function stripped(chunks: readonly Uint8Array[]): string {
  const stripper = new UsageStripper();
  const out: Uint8Array[] = [];
  for (const bytes of chunks) {
    // A caller may use its buffer again.
    const lent = Uint8Array.from(bytes);
    out.push(...stripper.push(lent).map((part) => Uint8Array.from(part)));
    lent.fill(0x78);
  }
  return text([...out, ...stripper.end()]);
}

const each = (bytes: Uint8Array): readonly Uint8Array[] =>
  Array.from(bytes, (byte) => Uint8Array.of(byte));

const usage = { prompt_tokens: 37, completion_tokens: 2, total_tokens: 39 };
const before = [
  chunk(undefined, { prompt_filter_results: [] }),
  chunk(says("Low"), { usage: null }),
];
const stays = [chunk(undefined, { usage: null }), chunk(says("", "stop"), { usage })];
const goes = chunk(undefined, { usage });
const lineEnds = (bytes: Uint8Array, end: string): Uint8Array =>
  utf8(new TextDecoder().decode(bytes).replaceAll("\n", end));

test.each(["\n", "\r\n", "\r"])(
  "W27: only the event with usage and without choices is taken out, with lines that end in %j (W26)",
  (end) => {
    const stream = lineEnds(sse(...before, goes, ...stays, "[DONE]"), end);
    const rest = text([lineEnds(sse(...before, ...stays, "[DONE]"), end)]);
    expect(stripped([stream])).toBe(rest);
    expect(stripped(each(stream))).toBe(rest);
    for (let place = 0; place <= stream.length; place += 1) {
      expect(stripped([stream.subarray(0, place), stream.subarray(place)])).toBe(rest);
    }
  },
);

test("the event is taken out without its blank line, with comments and in several lines of data", () => {
  expect(stripped([sse(...before), utf8(`data: ${JSON.stringify(goes)}`)])).toBe(
    text([sse(...before)]),
  );
  expect(stripped([utf8(`: note\nid: 1\ndata: ${JSON.stringify(goes)}\n\ndata: x\n\n`)])).toBe(
    "data: x\n\n",
  );
  expect(stripped([utf8(`\uFEFFdata:{"usage":{},\ndata: "choices":[\ndata:]}\n\nx`)])).toBe("x");
});

test("an event whose own choices say something stays, whatever is inside them", () => {
  const inner = { index: 0, delta: { content: "Low" }, more: { choices: [] } };
  const bytes = sse(chunk(inner, { usage }));
  expect(stripped([bytes])).toBe(text([bytes]));
});

test("all other streams pass unchanged, however they are cut", () => {
  const others = responseShapes.filter(
    ({ bytes }) => !/"choices":\[\],"usage":\{/.test(new TextDecoder().decode(bytes)),
  );
  expect(others.length).toBeGreaterThan(50);
  for (const { bytes } of others) {
    expect(stripped([bytes])).toBe(text([bytes]));
    holds(
      fc.array(fc.nat(bytes.length), { maxLength: 20 }),
      (cuts) => {
        const edges = [0, ...cuts.toSorted((a, b) => a - b), bytes.length];
        const chunks = edges.slice(1).map((to, index) => bytes.subarray(edges[index], to));
        expect(stripped(chunks)).toBe(text([bytes]));
      },
      20,
    );
  }
});

test("any bytes pass, whole events at once", () => {
  const piece = fc.constantFrom(
    "\n",
    "\r",
    "\r\n",
    "data: {}",
    ":",
    "x",
    "\n\n",
    "\r\r",
    `data: ${JSON.stringify(goes)}\n\n`,
  );
  const pieces = fc.array(piece, { maxLength: 12 });
  holds(pieces, (parts) => {
    const bytes = utf8(parts.join(""));
    const whole = stripped([bytes]);
    expect(stripped(each(bytes))).toBe(whole);
    expect(stripped(parts.map((part) => utf8(part)))).toBe(whole);
    const untouched = parts.every((part) => !part.includes("usage"));
    expect(untouched ? whole : "").toBe(untouched ? text([bytes]) : "");
  });
});

test("a finished event is not held back", () => {
  const stripper = new UsageStripper();
  const [first, second] = [sse(before[1]), sse(before[0])];
  expect(text(stripper.push(Buffer.concat([first, second.subarray(0, 9)])))).toBe(text([first]));
  expect(text(stripper.push(second.subarray(9)))).toBe(text([second]));
  expect(stripper.end()).toEqual([]);
});

test("at most 64 KiB are held back, and a longer event passes as it comes", () => {
  const long = utf8(
    `data: ${JSON.stringify(chunk(undefined, { usage, padding: "p".repeat(70_000) }))}\n\n`,
  );
  const stripper = new UsageStripper();
  let passed = 0;
  for (let at = 0; at < long.length; at += 1000) {
    const part = long.subarray(at, at + 1000);
    for (const out of stripper.push(part)) passed += out.length;
    expect(at + part.length - passed).toBeLessThanOrEqual(64 * 1024);
  }
  expect(passed).toBe(long.length);
  expect(text(stripper.push(sse(goes, "[DONE]")))).toBe(text([sse("[DONE]")]));
  expect(stripped([long, sse(goes)])).toBe(text([long]));
});
