import { describe, expect, test } from "@jest/globals";

import {
  describeValue,
  getDecision,
  isRateLimitError,
  isTollgateError,
  rateLimitError,
  TollgateError,
} from "./errors.ts";
import { createLimiter } from "./limiter/create-limiter.ts";

function refusal(): TollgateError {
  const limiter = createLimiter({ limits: [{ type: "count", window: "minute", limit: 1 }] });
  limiter.checkAndRecord("alice");
  return rateLimitError(limiter.checkAndRecord("alice"));
}

/** What another loaded copy of this package would throw. */
function fromAnotherCopy(decision: unknown): Error {
  class TollgateError extends Error {
    readonly code = "REFUSED";
    readonly decision = decision;
  }
  Object.defineProperty(TollgateError.prototype, Symbol.for("tollgate.error"), { value: true });
  return new TollgateError("refused elsewhere");
}

describe("a refusal as an exception", () => {
  test("carries its decision, code and reason", () => {
    const error = refusal();
    expect(error.code).toBe("REFUSED");
    expect(error.message).toBe(error.decision?.reason);
    expect(error.decision?.refusedBy).toEqual(["count-per-minute-caller"]);
  });

  test("D-CFG-07 is found through any wrapping, also when another copy of the package threw it", () => {
    const { decision } = refusal();
    for (const thrown of [refusal(), fromAnotherCopy(decision)]) {
      const wrapped = new Error("handler", { cause: new Error("service", { cause: thrown }) });
      expect(isRateLimitError(wrapped)).toBe(true);
      expect(getDecision(wrapped)?.outcome).toBe("refused");
      expect(isTollgateError(thrown)).toBe(true);
      expect(isTollgateError(wrapped)).toBe(false);
    }
  });

  test("is not seen where there is none, nor in a ring of causes", () => {
    const ring = new Error("ring");
    ring.cause = new Error("back", { cause: ring });
    const failure = new TollgateError("STORE_FAILED", "down", { cause: new Error("ECONNRESET") });
    for (const error of [undefined, null, "refused", 429, {}, ring, failure]) {
      expect(isRateLimitError(error)).toBe(false);
      expect(getDecision(error)).toBeUndefined();
    }
  });

  test("is found behind an error of ours that says something else", () => {
    const failure = new TollgateError("STORE_FAILED", "down", { cause: refusal() });
    expect(isRateLimitError(failure)).toBe(true);
  });

  test("has a cause only where something else made it fail", () => {
    expect("cause" in new TollgateError("INVALID_COST", "cost")).toBe(false);
    expect(new TollgateError("STORE_FAILED", "down", { cause: undefined })).toHaveProperty("cause");
  });
});

test.each([
  [undefined, "undefined"],
  [null, "null"],
  ["fortnight", 'string "fortnight"'],
  ["x".repeat(61), "a string of 61 characters"],
  [Number.NaN, "number NaN"],
  [false, "boolean false"],
  [[1, 2], "an array of 2"],
  [{ secret: "key" }, "an object"],
  [() => 1, "a function"],
  [10n, "a bigint"],
])("%p is described as %s", (value, text) => {
  expect(describeValue(value)).toBe(text);
});
