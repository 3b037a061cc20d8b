import { describe, expect, test } from "@jest/globals";

import { actualOf } from "./actual.ts";
import type { Ending } from "./ending.ts";
import type { CallPolicy, CutPolicy } from "./policy.ts";
import type { UsageReading } from "./usage/usage-reader.ts";

const expected = { input: 50, writes: true };

const policyOf = (onAbort: CutPolicy, onFailure: CutPolicy = "emitted"): CallPolicy => ({
  hard: false,
  minOutputTokens: undefined,
  onAbort,
  onFailure,
});

const readingOf = (changes: Partial<UsageReading> = {}): UsageReading => ({
  usage: undefined,
  complete: false,
  failed: false,
  emittedTokens: 0,
  begun: true,
  readable: true,
  recognised: true,
  model: undefined,
  ...changes,
});

const finished: Ending = { reached: true, finished: true, status: 200 };
const aborted: Ending = { reached: true, finished: false, status: 200 };
const failed: Ending = { reached: true, finished: true, status: 500 };

/** Input, output and source; `held` when what was held stands. */
function charged(
  ending: Ending,
  reading: UsageReading | undefined,
  policy: CallPolicy = policyOf("emitted"),
  of: typeof expected = expected,
): readonly [number, number, string] | readonly ["held", string] {
  const { usage, source } = actualOf(ending, reading, of, policy);
  return usage === undefined ? ["held", source] : [usage.input, usage.output, source];
}

const usage = { input: 40, output: 7 };

describe("a call is charged", () => {
  test("what the provider reported with the end of its answer, whatever became of the exchange", () => {
    const reading = readingOf({ usage, complete: true, emittedTokens: 300 });
    for (const ending of [finished, aborted, failed, { ...finished, status: 404 }]) {
      expect(charged(ending, reading, policyOf("refund", "refund"))).toStrictEqual([
        40,
        7,
        "measured",
      ]);
    }
  });

  test("D-LLM-05 a reported zero as zero, and nothing reported as counted", () => {
    const zero = readingOf({ usage: { input: 0, output: 0 }, complete: true, emittedTokens: 9 });
    expect(charged(finished, zero)).toStrictEqual([0, 0, "measured"]);
    const silent = readingOf({ complete: true, emittedTokens: 8.2 });
    expect(charged(finished, silent)).toStrictEqual([50, 9, "counted"]);
  });

  test("D-STR-01 input and what was emitted when the client goes in mid-stream", () => {
    const reading = readingOf({ emittedTokens: 399.5 });
    expect(charged(aborted, reading)).toStrictEqual([50, 400, "counted"]);
  });

  test("the larger of running totals and emitted text when the end is missing", () => {
    const started = readingOf({ usage: { input: 900, output: 1 }, emittedTokens: 30 });
    expect(charged(aborted, started)).toStrictEqual([900, 30, "counted"]);
    const running = readingOf({ usage: { input: 900, output: 31 }, emittedTokens: 30 });
    expect(charged(aborted, running)).toStrictEqual([900, 31, "measured"]);
    expect(charged(finished, started)).toStrictEqual([900, 30, "counted"]);
  });

  test.each([undefined, readingOf({ begun: false })])(
    "D-STR-02 the input alone when the client goes before the first byte",
    (reading) => {
      expect(charged(aborted, reading)).toStrictEqual([50, 0, "estimated"]);
    },
  );

  test("what was held when half a body passed that says nothing without the other", () => {
    const half = readingOf({ recognised: false });
    expect(charged(aborted, half)).toStrictEqual(["held", "estimated"]);
    expect(charged(aborted, half, policyOf("refund"))).toStrictEqual([0, 0, "none"]);
    expect(charged(aborted, readingOf())).toStrictEqual([50, 0, "counted"]);
  });

  test("by the abort policy: what was held, or nothing", () => {
    const reading = readingOf({ emittedTokens: 30 });
    expect(charged(aborted, reading, policyOf("reserved"))).toStrictEqual(["held", "estimated"]);
    expect(charged(aborted, reading, policyOf("refund"))).toStrictEqual([0, 0, "none"]);
  });

  test("D-RES-09 the input when the call failed, and what came before the failure", () => {
    const page = readingOf({ emittedTokens: 12, recognised: false });
    expect(charged(failed, page)).toStrictEqual([50, 0, "estimated"]);
    const within = readingOf({ failed: true, emittedTokens: 12 });
    expect(charged(finished, within)).toStrictEqual([50, 12, "counted"]);
  });

  test("by the failure policy: what was held, or nothing", () => {
    const all = policyOf("emitted", "reserved");
    expect(charged(failed, readingOf(), all)).toStrictEqual(["held", "estimated"]);
    const none = policyOf("emitted", "refund");
    expect(charged(failed, readingOf(), none)).toStrictEqual([0, 0, "none"]);
    expect(charged(aborted, readingOf({ emittedTokens: 3 }), none)).toStrictEqual([
      50,
      3,
      "counted",
    ]);
  });

  test.each([304, 400, 404, 422, 429])("nothing when the handler answers %s", (status) => {
    const reading = readingOf({ emittedTokens: 20, recognised: false });
    expect(charged({ ...finished, status }, reading)).toStrictEqual([0, 0, "none"]);
  });

  test("nothing when no handler was reached, unless a model answered all the same", () => {
    const nowhere = { ...finished, reached: false };
    expect(charged(nowhere, readingOf({ emittedTokens: 5 }))).toStrictEqual([0, 0, "none"]);
    const answer = readingOf({ usage, complete: true });
    expect(charged(nowhere, answer)).toStrictEqual([40, 7, "measured"]);
  });

  test("the input alone when the answer is empty", () => {
    expect(charged(finished, readingOf({ begun: false }))).toStrictEqual([50, 0, "estimated"]);
  });

  test("what was held when the answer cannot be read, or was not seen", () => {
    for (const reading of [undefined, readingOf({ readable: false, emittedTokens: 4 })]) {
      expect(charged(finished, reading)).toStrictEqual(["held", "estimated"]);
    }
    expect(charged(aborted, readingOf({ readable: false }))).toStrictEqual(["held", "estimated"]);
  });

  test("text that answers no prompt only where it comes from a model", () => {
    const none = { input: 0, writes: false };
    const page = readingOf({ emittedTokens: 700, recognised: false });
    expect(charged(finished, page, policyOf("emitted"), none)).toStrictEqual([0, 0, "counted"]);
    const answer = readingOf({ emittedTokens: 700 });
    expect(charged(finished, answer, policyOf("emitted"), none)).toStrictEqual([0, 700, "counted"]);
  });

  test("no output where the model writes none", () => {
    const vectors = readingOf({ emittedTokens: 700, recognised: false });
    const embedding = { input: 50, writes: false };
    expect(charged(finished, vectors, policyOf("emitted"), embedding)).toStrictEqual([
      50,
      0,
      "counted",
    ]);
    // The client's word alone, in the path say, does not make an answer free.
    const chat = readingOf({ emittedTokens: 700 });
    expect(charged(finished, chat, policyOf("emitted"), embedding)).toStrictEqual([
      50,
      700,
      "counted",
    ]);
  });
});
