import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";

import { holds } from "../../property.test-support.ts";
import { Calibration, type CalibrationOptions } from "./calibration.ts";

const BASE = 1.1;

interface Lesson {
  readonly subject: string;
  /** Settled input of an estimate of 1000. */
  readonly settled: number;
  readonly calls: number;
  readonly model?: string;
}

function taught(lessons: readonly Lesson[], options?: CalibrationOptions): Calibration {
  const calibration = new Calibration(options);
  for (const { subject, settled, calls, model = "gpt-x" } of lessons) {
    for (let call = 0; call < calls; call += 1) calibration.learn(subject, model, settled, 1000);
  }
  return calibration;
}

const factorOf = (calibration: Calibration, subject: string): number =>
  calibration.factor(subject, "gpt-x", BASE);

describe("a subject's own factor", () => {
  test("is used from the twentieth call on", () => {
    const before = taught([{ subject: "acme", settled: 1300, calls: 19 }]);
    expect(factorOf(before, "acme")).toBe(BASE);
    const after = taught([{ subject: "acme", settled: 1300, calls: 20 }]);
    expect(factorOf(after, "acme")).toBeCloseTo(1.3 * BASE, 10);
  });

  test("takes half and double as opposites", () => {
    const calibration = new Calibration();
    for (let call = 0; call < 20; call += 1) {
      calibration.learn("acme", "gpt-x", call % 2 === 0 ? 500 : 2000, 1000);
    }
    expect(factorOf(calibration, "acme")).toBeCloseTo(BASE, 10);
  });

  test("moves a twentieth of the way with each later call", () => {
    const calibration = taught([
      { subject: "acme", settled: 1000, calls: 50 },
      { subject: "acme", settled: 2000, calls: 1 },
    ]);
    expect(factorOf(calibration, "acme")).toBeCloseTo(BASE * 2 ** 0.05, 10);
  });

  test("follows a tokenizer that changed", () => {
    const calibration = taught([
      { subject: "acme", settled: 1000, calls: 1000 },
      { subject: "acme", settled: 1300, calls: 100 },
    ]);
    expect(factorOf(calibration, "acme") / BASE).toBeGreaterThan(1.29);
  });

  test("is hardly moved by one absurd call", () => {
    const calibration = taught([
      { subject: "acme", settled: 1000, calls: 50 },
      { subject: "acme", settled: 1_000_000, calls: 1 },
    ]);
    expect(factorOf(calibration, "acme")).toBeLessThan(BASE * 1.06);
  });

  test("is no other model's", () => {
    const calibration = taught([{ subject: "acme", settled: 1300, calls: 20 }]);
    expect(calibration.factor("acme", "gpt-y", BASE)).toBe(BASE);
  });

  test("is not moved by what is no number of tokens", () => {
    const calibration = taught([{ subject: "acme", settled: 1300, calls: 20 }]);
    for (const [settled, estimated] of [
      [0, 1000],
      [-5, 1000],
      [1000, 0],
      [Number.NaN, 1000],
      [1000, Number.NaN],
      [Number.POSITIVE_INFINITY, 1000],
    ] as const) {
      calibration.learn("acme", "gpt-x", settled, estimated);
    }
    expect(factorOf(calibration, "acme")).toBeCloseTo(1.3 * BASE, 10);
  });

  test("stays within half and three times the base, whatever was settled", () => {
    const calls = fc.array(
      fc.record({
        subject: fc.constantFrom("a", "b", "c", "d"),
        settled: fc.oneof(fc.nat(), fc.double()),
        estimated: fc.oneof(fc.nat(), fc.double()),
      }),
      { maxLength: 120 },
    );
    holds(calls, (learned) => {
      const calibration = new Calibration();
      for (const { subject, settled, estimated } of learned) {
        calibration.learn(subject, "gpt-x", settled, estimated);
      }
      for (const subject of ["a", "e"]) {
        const correction = calibration.factor(subject, "gpt-x", 1);
        expect(correction).toBeGreaterThanOrEqual(0.5 - 1e-12);
        expect(correction).toBeLessThanOrEqual(3 + 1e-12);
      }
    });
  });
});

describe("the factor of a model", () => {
  test("serves who has called little", () => {
    const calibration = taught([
      { subject: "a", settled: 1200, calls: 10 },
      { subject: "b", settled: 1300, calls: 10 },
      { subject: "c", settled: 1400, calls: 16 },
    ]);
    expect(factorOf(calibration, "new")).toBeCloseTo(1.3 * BASE, 10);
    expect(factorOf(calibration, "a")).toBeCloseTo(1.3 * BASE, 10);
  });

  test("is set by no subject alone, nor by two", () => {
    const calibration = taught([
      { subject: "a", settled: 3000, calls: 500 },
      { subject: "b", settled: 3000, calls: 500 },
    ]);
    expect(factorOf(calibration, "new")).toBe(BASE);
  });

  test("is not shifted by strange text of one subject, however much that calls", () => {
    const honest = ["a", "b", "c", "d"].map((subject) => ({ subject, settled: 1100, calls: 20 }));
    const calibration = taught([...honest, { subject: "strange", settled: 3000, calls: 5000 }]);
    expect(factorOf(calibration, "strange")).toBeCloseTo(3 * BASE, 10);
    expect(factorOf(calibration, "new")).toBeCloseTo(1.1 * BASE, 10);
  });

  test("does not overrule a subject's own", () => {
    const others = ["a", "b", "c", "d"].map((subject) => ({ subject, settled: 1100, calls: 20 }));
    const calibration = taught([...others, { subject: "own", settled: 900, calls: 20 }]);
    expect(factorOf(calibration, "own")).toBeCloseTo(0.9 * BASE, 10);
  });

  test("survives the made-up models of one subject (W12)", () => {
    const honest = ["a", "b", "c"].map((subject) => ({ subject, settled: 1200, calls: 12 }));
    const calibration = taught(honest);
    for (let name = 0; name < 20_000; name += 1) {
      calibration.learn("mallory", `model-${String(name)}`, 3000, 1000);
    }
    expect(factorOf(calibration, "new")).toBeCloseTo(1.2 * BASE, 10);
  });

  test("is forgotten with the subjects it came from", () => {
    const known = ["a", "b", "c"].map((subject) => ({ subject, settled: 1200, calls: 12 }));
    const other = { subject: "d", settled: 1200, calls: 1, model: "gpt-y" };
    const calibration = taught([...known, other], { maxSubjects: 3 });
    expect(factorOf(calibration, "new")).toBe(BASE);
  });

  test("ignores names that no model has", () => {
    const model = "x".repeat(257);
    const lessons = ["a", "b", "c"].map((subject) => ({
      subject,
      settled: 1200,
      calls: 20,
      model,
    }));
    expect(taught(lessons).factor("new", model, BASE)).toBe(BASE);
  });
});
