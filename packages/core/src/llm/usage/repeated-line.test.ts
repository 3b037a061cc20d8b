import { expect, test } from "@jest/globals";
import fc from "fast-check";

import { holds } from "../../property.test-support.ts";
import { RepeatedLine } from "./repeated-line.ts";
import { createUsageReader, type UsageReading } from "./usage-reader.ts";

const line = (content: string, more: object = {}): string =>
  JSON.stringify({ id: "c1", choices: [{ delta: { content }, finish_reason: null }], ...more });

test("knows a line that is the one before with another text, padding and number", () => {
  const repeated = new RepeatedLine();
  expect(repeated.textOf(line("a"))).toBeUndefined();
  repeated.learn(line("a", { sequence_number: 9, obfuscation: "xx" }), "a");
  expect(repeated.textOf(line(" b — 潮", { sequence_number: 10, obfuscation: "" }))).toBe(
    " b — 潮",
  );
  expect(repeated.textOf(line("b", { sequence_number: 10 }))).toBeUndefined();
  expect(
    repeated.textOf(line("b", { sequence_number: 10, obfuscation: "x", usage: {} })),
  ).toBeUndefined();
  expect(repeated.textOf(line('"', { sequence_number: 9, obfuscation: "xx" }))).toBeUndefined();
  expect(repeated.textOf(line("\n", { sequence_number: 9, obfuscation: "xx" }))).toBeUndefined();
  expect(repeated.textOf(line("", { sequence_number: 9, obfuscation: "xx" }))).toBeUndefined();
});

test("does not learn where the text may be something else", () => {
  const repeated = new RepeatedLine();
  for (const [taken, text] of [
    ['{"a":"b","c":"b"}', "b"],
    ['{"b":"b"}', "b"],
    ['{"delta":"\\u0041","x":"A"}', "A"],
    ['{"delta":"a"}', undefined],
    ['{"delta":""}', ""],
  ] as const) {
    repeated.learn(taken, text);
    expect(repeated.textOf(taken)).toBeUndefined();
  }
});

test("gives up on streams whose lines all differ, and stays with those that repeat", () => {
  const [never, often] = [new RepeatedLine(), new RepeatedLine()];
  for (let count = 0; count < 100; count += 1) {
    never.learn(line("a", { count }), "a");
    often.learn(line("a", { count }), "a");
    expect(often.textOf(line("b", { count }))).toBe("b");
  }
  expect(never.textOf(line("b", { count: 99 }))).toBeUndefined();
});

function readAs(lines: readonly string[], between: string): UsageReading {
  const reader = createUsageReader({
    contentType: "text/event-stream",
    contentEncoding: undefined,
    countText: (text) => text.length,
  });
  for (const one of lines) reader.write(Buffer.from(`data: ${one}\n\n${between}`));
  reader.end();
  return reader.reading();
}

// An event that says nothing, and makes the next line the first of its kind.
const FORGET = "data: 5\n\n";

test("a stream is read alike whether its repetition is seen or not", () => {
  const word = fc.constantFrom(
    "a",
    "Low",
    "content",
    "stop",
    ",",
    "",
    'q"',
    "\\",
    "\u{1F30A}",
    "data:x",
    "A".repeat(300),
  );
  const choice = fc.record(
    {
      index: fc.nat(1),
      text: word,
      delta: fc.record(
        { content: word, reasoning_content: word, reasoning: word },
        { requiredKeys: [] },
      ),
      finish_reason: fc.constantFrom(null, "stop"),
    },
    { requiredKeys: ["finish_reason"] },
  );
  const usage = fc.constantFrom(
    null,
    { prompt_tokens: 9, completion_tokens: 1 },
    { prompt_tokens: 9, completion_tokens: 2 },
  );
  const noise = fc.record(
    { obfuscation: word, sequence_number: fc.nat(20), created_at: word },
    { requiredKeys: [] },
  );
  const event = fc.oneof(
    fc
      .tuple(choice, usage, noise)
      .map(([one, counted, more]) => ({ ...more, model: "m", choices: [one], usage: counted })),
    fc
      .tuple(word, noise)
      .map(([delta, more]) => ({ type: "response.output_text.delta", ...more, delta })),
    fc.tuple(word, word, noise).map(([a, b, more]) => ({ a, ...more, b })),
  );
  const stream = fc
    .array(fc.tuple(event, fc.array(word, { maxLength: 4 })), { maxLength: 12 })
    // Each event again with other texts in it, as streams have them.
    .map((events) =>
      events.flatMap(([one, words]) => [
        JSON.stringify(one),
        ...words.map((other) => JSON.stringify(one).replaceAll('"Low"', JSON.stringify(other))),
      ]),
    );
  holds(stream, (lines) => {
    expect(readAs(lines, "")).toEqual(readAs(lines, FORGET));
  });
});
