import { expect, test } from "@jest/globals";

import { EventReader } from "./event-reader.ts";
import { responseShapes } from "./shapes.test-support.ts";
import { createUsageReader } from "./usage-reader.ts";

const countText = (text: string): number => text.length;

function eventsIn(text: string): readonly unknown[] {
  return text
    .split("\n")
    .filter((line) => line.startsWith("data: {"))
    .map((line): unknown => JSON.parse(line.slice("data: ".length)));
}

// Those that come as one line of JSON per event, whole and in order.
const shapes = responseShapes.flatMap(({ name, bytes, contentType, contentEncoding, headers }) => {
  const text = Buffer.from(bytes).toString();
  const lines = text.split(/\r?\n/).filter((line) => line !== "" && line !== "data: [DONE]");
  const plain =
    contentType !== undefined &&
    contentType.startsWith("text/event-stream") &&
    contentEncoding === undefined &&
    headers === undefined &&
    lines.every((line) => /^data: \{.*\}$/.test(line));
  return plain ? [{ name, bytes, contentType, text }] : [];
});

test("D-STR-03 reads events as it reads their bytes, for every provider", () => {
  expect(shapes.length).toBeGreaterThan(10);
  for (const { name, bytes, contentType, text } of shapes) {
    const reader = new EventReader(countText);
    for (const event of eventsIn(text)) reader.event(event);
    const fromBytes = createUsageReader({ contentType, contentEncoding: undefined, countText });
    fromBytes.write(bytes);
    fromBytes.end();
    const { usage, failed, emittedTokens, recognised, model } = fromBytes.reading();
    expect({ name, ...reader.reading() }).toMatchObject({
      name,
      failed,
      emittedTokens,
      recognised,
      ...(usage === undefined ? {} : { usage }),
      ...(model === undefined ? {} : { model }),
    });
  }
});

test("takes texts as texts, and gives nothing for what is none", () => {
  const reader = new EventReader(countText);
  expect(reader.reading()).toMatchObject({ begun: false, emittedTokens: 0, usage: undefined });
  for (const event of ["Hello ", "there.", 7, undefined, null, true]) reader.event(event);
  expect(reader.reading()).toMatchObject({ begun: true, emittedTokens: 12, usage: undefined });
});

test("survives events that throw, and goes on after them", () => {
  const reader = new EventReader(countText);
  const hostile = {
    get choices(): never {
      throw new Error("do not look");
    },
  };
  const big = { text: 1n };
  for (const event of [hostile, big, "there."]) reader.event(event);
  expect(reader.answer(hostile)).toBe(false);
  expect(reader.reading().emittedTokens).toBe(6);
});

test.each([
  ["usage", { id: "a", usage: { input_tokens: 7, output_tokens: 3 } }, true],
  ["text", { choices: [{ message: { content: "Hi." } }] }, true],
  ["a failure", { type: "error", error: { message: "no" } }, true],
  ["nothing yet", { object: "response", status: "queued", output: [] }, false],
  ["something unknown", { text: "Hi." }, false],
  ["a text", "Hi.", false],
  ["a list", [{ usage: { input_tokens: 7, output_tokens: 3 } }], false],
])("says whether a whole answer tells its cost: %s", (_, answer, tells) => {
  expect(new EventReader(countText).answer(answer)).toBe(tells);
});
