import { describe, expect, test } from "@jest/globals";

import { parseHeaderOptions } from "./header-options.ts";

const standard = {
  formats: new Set(["ietf", "x-ratelimit"]),
  formatsNamed: false,
  emit: "always",
  reset: "epoch",
  maxRetryAfterSeconds: 86_400,
  expose: true,
  units: new Map([
    ["count", "requests"],
    ["token", "tokens"],
    ["inputToken", "input-tokens"],
    ["outputToken", "output-tokens"],
    ["concurrency", "concurrent-requests"],
  ]),
};

describe("the headers option", () => {
  test.each([
    [undefined, {}],
    [{}, {}],
    [false, { emit: "never" }],
    ["draft-7", { formats: new Set(["draft-7"]), formatsNamed: true }],
    [
      ["x-ratelimit", "draft-6"],
      { formats: new Set(["x-ratelimit", "draft-6"]), formatsNamed: true },
    ],
    [{ formats: "ietf" }, { formats: new Set(["ietf"]), formatsNamed: true }],
    [
      { emit: "denied", reset: "delta", expose: false },
      { emit: "denied", reset: "delta", expose: false },
    ],
    [{ maxRetryAfterSeconds: 2_147_483 }, { maxRetryAfterSeconds: 2_147_483 }],
    [
      { units: { token: "acme-tokens", usd: "usd" } },
      { units: new Map([...standard.units, ["token", "acme-tokens"], ["usd", "usd"]]) },
    ],
  ])("%j is understood", (value, changes) => {
    expect(parseHeaderOptions(value)).toStrictEqual({ ...standard, ...changes });
  });

  test.each([
    [true, "headers"],
    [7, "headers"],
    ["draft-8", "headers"],
    [["ietf", "draft-5"], "headers[1]"],
    [["ietf", "draft-7"], "headers"],
    [["draft-6", "draft-7"], "headers"],
    [{ formats: ["nonsense"] }, "headers.formats[0]"],
    [{ formats: ["ietf", "draft-6"] }, "headers.formats"],
    [{ format: ["ietf"] }, "headers.format"],
    [{ emit: "near" }, "headers.emit"],
    [{ reset: "iso" }, "headers.reset"],
    [{ expose: "yes" }, "headers.expose"],
    [{ maxRetryAfterSeconds: 0 }, "headers.maxRetryAfterSeconds"],
    [{ maxRetryAfterSeconds: 1.5 }, "headers.maxRetryAfterSeconds"],
    [{ maxRetryAfterSeconds: 2_147_484 }, "headers.maxRetryAfterSeconds"],
    [{ maxRetryAfterSeconds: "60" }, "headers.maxRetryAfterSeconds"],
    [{ units: "tokens" }, "headers.units"],
    [{ units: { token: "" } }, "headers.units.token"],
    [{ units: { token: "zoë" } }, "headers.units.token"],
    [{ units: { token: "a\r\nb" } }, "headers.units.token"],
  ])("%j is refused at its place", (value, path) => {
    expect(() => parseHeaderOptions(value)).toThrow(
      expect.objectContaining({ code: "INVALID_CONFIG", path }),
    );
  });
});
