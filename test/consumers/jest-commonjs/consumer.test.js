// Jest as it comes: CommonJS, no transform of dependencies, no flag. An ESM-only package fails here.
const { decides, servesExpress } = require("./exercise.cjs");

test("decides in memory", () => {
  expect(() => decides(require("@tollgate/core"))).not.toThrow();
});

test("limits an Express 4 server", async () => {
  const { rateLimit } = require("@tollgate/express");
  await expect(servesExpress(require("express"), rateLimit)).resolves.toBeUndefined();
});

test("knows its errors by brand", () => {
  const { createLimiter, isRateLimitError, isTollgateError } = require("@tollgate/core");
  expect(() => createLimiter({ limits: [] })).toThrow(
    expect.objectContaining({ code: "INVALID_CONFIG" }),
  );
  expect(isTollgateError(new Error("other"))).toBe(false);
  expect(isRateLimitError(undefined)).toBe(false);
});
