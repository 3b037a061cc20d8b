import { describe, expect, test } from "@jest/globals";

import type { LimitInput } from "../../policy/limit-input.ts";
import { missingIdResponse, outageResponse } from "../response.ts";
import { anthropicDialect } from "./anthropic.ts";
import { saying, stage } from "./stage.test-support.ts";

const limits: readonly LimitInput[] = [
  { type: "count", window: "minute", limit: 50, name: "rpm" },
  { type: "token", window: "hour", limit: 90_000, name: "tph" },
  { type: "inputToken", window: "minute", limit: 40_000, name: "itpm" },
  { type: "outputToken", window: "minute", limit: 8000, name: "otpm" },
];
const few: LimitInput = { type: "outputToken", window: "minute", limit: 100, name: "otpm" };

test("an admitted request has a set for each kind, with the instant of full replenishment", () => {
  const { admit, clock } = stage(anthropicDialect, limits);
  clock.advance(500);
  expect(admit({ token: 1500, inputToken: 1000, outputToken: 500 })).toStrictEqual({
    "anthropic-ratelimit-requests-limit": "50",
    "anthropic-ratelimit-requests-remaining": "49",
    "anthropic-ratelimit-requests-reset": "2026-01-01T00:01:01Z",
    "anthropic-ratelimit-tokens-limit": "90000",
    "anthropic-ratelimit-tokens-remaining": "88500",
    "anthropic-ratelimit-tokens-reset": "2026-01-01T01:00:01Z",
    "anthropic-ratelimit-input-tokens-limit": "40000",
    "anthropic-ratelimit-input-tokens-remaining": "39000",
    "anthropic-ratelimit-input-tokens-reset": "2026-01-01T00:01:01Z",
    "anthropic-ratelimit-output-tokens-limit": "8000",
    "anthropic-ratelimit-output-tokens-remaining": "7500",
    "anthropic-ratelimit-output-tokens-reset": "2026-01-01T00:01:01Z",
  });
});

test("of two limiters, the more restrictive set of each kind stays whole", () => {
  const theirs = {
    "anthropic-ratelimit-requests-limit": "9",
    "anthropic-ratelimit-requests-remaining": "1",
    "anthropic-ratelimit-requests-reset": "2026-01-01T00:00:07Z",
    "anthropic-ratelimit-output-tokens-limit": "1000000",
    "anthropic-ratelimit-output-tokens-remaining": "900000",
    "anthropic-ratelimit-output-tokens-reset": "2026-01-01T00:00:08Z",
  };
  const { admit } = stage(
    anthropicDialect,
    [{ type: "count", window: "minute", limit: 50, name: "rpm" }, few],
    { before: saying(theirs) },
  );
  expect(admit({ outputToken: 1 })).toStrictEqual({
    ...theirs,
    "anthropic-ratelimit-output-tokens-limit": "100",
    "anthropic-ratelimit-output-tokens-remaining": "99",
    "anthropic-ratelimit-output-tokens-reset": "2026-01-01T00:01:00Z",
  });
});

describe("a refusal", () => {
  test("D-HDR-03 with a short wait", () => {
    const { limiter, refuse, clock } = stage(anthropicDialect, [few]);
    limiter.record("alice", { outputToken: 90 });
    clock.advance(53_000);
    expect(refuse({ outputToken: 11 })).toStrictEqual({
      status: 429,
      contentType: "application/json",
      fields: {
        "anthropic-ratelimit-output-tokens-limit": "100",
        "anthropic-ratelimit-output-tokens-remaining": "10",
        "anthropic-ratelimit-output-tokens-reset": "2026-01-01T00:01:00Z",
        "Retry-After": "7",
        "retry-after-ms": "7000",
        "Cache-Control": "no-store",
      },
      body: {
        type: "error",
        error: {
          type: "rate_limit_error",
          message:
            'Rate limit reached for limit "otpm" on output-tokens: Limit 100, Used 90, ' +
            "Requested 11. Please try again in 7s.",
        },
      },
    });
  });

  test("D-HDR-02 with a long wait is not retried, and says when the limit resets", () => {
    const { limiter, refuse } = stage(anthropicDialect, [{ ...few, window: "30d" }]);
    limiter.record("alice", { outputToken: 90 });
    const answer = refuse({ outputToken: 11 }, { impossible: 429, longWait: 403 });
    expect(answer.status).toBe(403);
    expect(answer.fields).toMatchObject({
      "Retry-After": "86400",
      "retry-after-ms": "86400000",
      "x-should-retry": "false",
    });
    expect(answer.body).toMatchObject({
      error: { message: expect.stringMatching(/ will reset at 2026-01-31T00:00:00Z\.$/) },
    });
  });

  test.each([
    [429, "rate_limit_error"],
    [413, "request_too_large"],
  ])("D-HDR-09 of what never fits, with status %d, is a %s", (impossible, type) => {
    const { refuse } = stage(anthropicDialect, [few]);
    const { fields, body, status } = refuse({ outputToken: 101 }, { impossible, longWait: 402 });
    expect(status).toBe(impossible);
    expect(fields).toMatchObject({ "x-should-retry": "false" });
    expect(fields).not.toHaveProperty("Retry-After");
    expect(fields).not.toHaveProperty("retry-after-ms");
    expect(body).toStrictEqual({
      type: "error",
      error: {
        type,
        message: 'Request too large for limit "otpm" on output-tokens: Limit 100, Requested 101.',
      },
    });
  });

  test("has the id of the response, where it has one", () => {
    const before = saying({ "request-id": "req_7" });
    const { refuse } = stage(anthropicDialect, [few], { before });
    expect(refuse({ outputToken: 101 }).body).toHaveProperty("request_id", "req_7");
  });
});

test("an outage is an overloaded_error, a missing id an invalid_request_error", () => {
  const { context } = stage(anthropicDialect, [few]);
  expect(outageResponse(5, context)).toMatchObject({
    status: 503,
    contentType: "application/json",
    fields: { "Retry-After": "5", "retry-after-ms": "5000" },
    body: {
      type: "error",
      error: {
        type: "overloaded_error",
        message: "The limits of this service cannot be checked at the moment.",
      },
    },
  });
  expect(missingIdResponse("no user", context)).toMatchObject({
    status: 400,
    body: { type: "error", error: { type: "invalid_request_error", message: "no user" } },
  });
});
