import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";

import { holds } from "../../property.test-support.ts";
import { OutputHistory, type OutputHistoryOptions } from "./output-history.ts";

function learned(outputs: readonly number[], options?: OutputHistoryOptions): OutputHistory {
  const history = new OutputHistory(options);
  for (const output of outputs) history.learn("acme", "gpt-x", output, false);
  return history;
}

const upTo = (count: number): number[] => Array.from({ length: count }, (_, index) => index + 1);

describe("the guess", () => {
  test("is made from the twentieth answer on", () => {
    expect(learned(upTo(19)).guess("acme", "gpt-x")).toBeUndefined();
    expect(learned(upTo(20)).guess("acme", "gpt-x")).toBe(20);
  });

  test("is the quantile of the last answers", () => {
    expect(learned(upTo(500)).guess("acme", "gpt-x")).toBe(495);
    expect(learned(upTo(100), { quantile: 0.5 }).guess("acme", "gpt-x")).toBe(50);
    expect(learned(upTo(100), { quantile: 1 }).guess("acme", "gpt-x")).toBe(100);
  });

  test("forgets answers that are older than its memory", () => {
    const outputs = [...Array.from({ length: 500 }, () => 4000), ...upTo(500)];
    expect(learned(outputs).guess("acme", "gpt-x")).toBeLessThanOrEqual(500);
  });

  test("knows nothing of other subjects and models", () => {
    const history = learned(upTo(20));
    expect(history.guess("acme", "gpt-y")).toBeUndefined();
    expect(history.guess("globex", "gpt-x")).toBeUndefined();
  });

  test("is at most seven answers behind", () => {
    const options = fc.record({
      outputs: fc.array(fc.nat({ max: 5000 }), { minLength: 20, maxLength: 120 }),
      quantile: fc.constantFrom(0.5, 0.9, 0.95, 0.99, 1),
      memory: fc.integer({ min: 20, max: 60 }),
    });
    holds(options, ({ outputs, quantile, memory }) => {
      const guess = learned(outputs, { quantile, memory }).guess("acme", "gpt-x");
      const exact = Array.from({ length: 8 }, (_, behind) => {
        const last = outputs.slice(0, Math.max(20, outputs.length - behind)).slice(-memory);
        return last.toSorted((a, b) => a - b)[Math.ceil(quantile * last.length) - 1];
      });
      expect(exact).toContain(guess);
    });
  });

  test("is not moved by what is no number of tokens", () => {
    const history = learned(upTo(20));
    for (const output of [Number.NaN, -1, Number.POSITIVE_INFINITY]) {
      for (let call = 0; call < 30; call += 1) history.learn("acme", "gpt-x", output, false);
    }
    expect(history.guess("acme", "gpt-x")).toBe(20);
  });

  test("counts answers of 0 tokens", () => {
    const nothing = Array.from({ length: 20 }, () => 0);
    expect(learned(nothing).guess("acme", "gpt-x")).toBe(0);
  });
});

describe("aborted calls", () => {
  test("do not talk the guess down", () => {
    const history = learned(upTo(100));
    for (let call = 0; call < 600; call += 1) history.learn("acme", "gpt-x", 1, true);
    expect(history.guess("acme", "gpt-x")).toBe(99);
  });

  test("raise the guess when they were already longer", () => {
    const history = learned(upTo(100));
    for (let call = 0; call < 12; call += 1) history.learn("acme", "gpt-x", 700, true);
    expect(history.guess("acme", "gpt-x")).toBe(700);
  });

  test("make no guess of their own", () => {
    const history = new OutputHistory();
    for (let call = 0; call < 100; call += 1) history.learn("acme", "gpt-x", 700, true);
    expect(history.guess("acme", "gpt-x")).toBeUndefined();
  });
});

const teach = (history: OutputHistory, subject: string, model: string): void => {
  for (let call = 0; call < 20; call += 1) history.learn(subject, model, 100, false);
};

describe("bounds (W12)", () => {
  test("made-up models of one subject do not drop those of another", () => {
    const history = new OutputHistory();
    teach(history, "acme", "gpt-x");
    for (let name = 0; name < 20_000; name += 1) {
      history.learn("mallory", `model-${String(name)}`, 1, false);
    }
    expect(history.guess("acme", "gpt-x")).toBe(100);
  });

  test("the least recently learned model of a subject goes first", () => {
    const history = new OutputHistory({ maxModels: 2 });
    teach(history, "acme", "a");
    teach(history, "acme", "b");
    history.learn("acme", "a", 100, false);
    teach(history, "acme", "c");
    expect(["a", "b", "c"].map((model) => history.guess("acme", model))).toEqual([
      100,
      undefined,
      100,
    ]);
  });

  test("the least recently learned subject goes first", () => {
    const history = new OutputHistory({ maxSubjects: 2 });
    teach(history, "a", "gpt-x");
    teach(history, "b", "gpt-x");
    history.learn("a", "gpt-x", 100, false);
    teach(history, "c", "gpt-x");
    expect(["a", "b", "c"].map((subject) => history.guess(subject, "gpt-x"))).toEqual([
      100,
      undefined,
      100,
    ]);
  });

  test("asking remembers nothing", () => {
    const history = new OutputHistory({ maxSubjects: 1 });
    teach(history, "acme", "gpt-x");
    for (const subject of ["a", "b", "c"]) history.guess(subject, "gpt-x");
    expect(history.guess("acme", "gpt-x")).toBe(100);
  });

  test("names that no model has are not remembered", () => {
    const history = new OutputHistory();
    teach(history, "acme", "x".repeat(257));
    expect(history.guess("acme", "x".repeat(257))).toBeUndefined();
  });
});
