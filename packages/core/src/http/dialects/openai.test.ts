import { describe, expect, test } from "@jest/globals";

import type { LimitInput } from "../../policy/limit-input.ts";
import { missingIdResponse, outageResponse, refusalResponse } from "../response.ts";
import { azureDialect } from "./azure.ts";
import { openAiDialect } from "./openai.ts";
import { saying, stage, withoutGaps } from "./stage.test-support.ts";

const requestsPerMinute: LimitInput = { type: "count", window: "minute", limit: 3, name: "rpm" };

describe("OpenAI's fields", () => {
  test("on an admitted request: what is left, and when it is full again", () => {
    const { admit, clock } = stage(openAiDialect);
    expect(admit({ token: 16 })).toStrictEqual({
      "x-ratelimit-limit-requests": "60",
      "x-ratelimit-remaining-requests": "59",
      "x-ratelimit-reset-requests": "1m0s",
      "x-ratelimit-limit-tokens": "200000",
      "x-ratelimit-remaining-tokens": "199984",
      "x-ratelimit-reset-tokens": "1h0m0s",
    });
    clock.advance(440);
    expect(admit({ token: 16 })).toMatchObject({
      "x-ratelimit-reset-requests": "59.56s",
      "x-ratelimit-reset-tokens": "59m59.56s",
    });
  });

  test("a bucket is full when all it gave is back, not when one request fits", () => {
    const { limiter, admit } = stage(openAiDialect, [
      { type: "count", rate: 2, capacity: 10, name: "bucket" },
    ]);
    limiter.record("alice", { count: 8 });
    expect(admit({})).toStrictEqual({
      "x-ratelimit-limit-requests": "10",
      "x-ratelimit-remaining-requests": "1",
      "x-ratelimit-reset-requests": "4.5s",
    });
  });

  test("nothing used is 0s", () => {
    const { admit } = stage(openAiDialect);
    expect(admit({ count: 0, token: 0 })).toMatchObject({
      "x-ratelimit-remaining-tokens": "200000",
      "x-ratelimit-reset-tokens": "0s",
    });
  });

  test("tokens of either direction are tokens, and the scarcest limit is told whole", () => {
    const { admit } = stage(openAiDialect, [
      { type: "inputToken", window: "minute", limit: 100_000, name: "in" },
      { type: "outputToken", window: "hour", limit: 500, name: "out" },
    ]);
    // Less of the other is left in proportion, but more in tokens.
    expect(admit({ inputToken: 90_000, outputToken: 50 })).toStrictEqual({
      "x-ratelimit-limit-tokens": "500",
      "x-ratelimit-remaining-tokens": "450",
      "x-ratelimit-reset-tokens": "1h0m0s",
    });
  });

  test("other types, and limits that are not advertised, are left out but refuse", () => {
    const { admit, refuse } = stage(openAiDialect, [
      { type: "seat", window: "day", limit: 1, name: "seats" },
      { ...requestsPerMinute, advertise: false },
    ]);
    expect(admit({ seat: 1 })).toStrictEqual({});
    const { fields, body } = refuse({ seat: 1 });
    expect(Object.keys(fields).filter((name) => name.startsWith("x-ratelimit"))).toEqual([]);
    expect(body).toMatchObject({ error: { type: "insufficient_quota" } });
  });

  test("the formats of the headers option go out beside them where they are named", () => {
    const fields = stage(openAiDialect, undefined, { headers: "ietf" }).admit({ token: 1 });
    expect(fields).toMatchObject({ "x-ratelimit-limit-requests": "60" });
    expect(fields["RateLimit"]).toBe('"rpm";r=59;t=60, "tph";r=199999;t=3600');
    expect(stage(openAiDialect, undefined, { headers: false }).admit({})).toStrictEqual({});
    const quiet = stage(openAiDialect, [requestsPerMinute], { headers: { emit: "denied" } });
    expect(quiet.admit({ count: 3 })).toStrictEqual({});
    expect(quiet.refuse({}).fields).toHaveProperty("x-ratelimit-limit-requests", "3");
    expect(quiet.refuse({}).fields).not.toHaveProperty("RateLimit");
  });

  test("D-HDR-10 all of them are exposed to other origins", () => {
    const { limiter, refuse } = stage(openAiDialect, [requestsPerMinute], { crossOrigin: true });
    limiter.record("alice", { count: 3 });
    const { fields } = refuse({});
    expect(fields["Access-Control-Expose-Headers"]?.split(", ")).toStrictEqual([
      "x-ratelimit-limit-requests",
      "x-ratelimit-remaining-requests",
      "x-ratelimit-reset-requests",
      "Retry-After",
      "retry-after-ms",
      "x-should-retry",
    ]);
  });
});

describe("of two limiters on one response", () => {
  const theirs = {
    "x-ratelimit-limit-requests": "9",
    "x-ratelimit-remaining-requests": "0",
    "x-ratelimit-reset-requests": "7s",
    "x-ratelimit-limit-tokens": "900",
    "x-ratelimit-remaining-tokens": "10",
    "x-ratelimit-reset-tokens": "8s",
  };
  const tokens = { "x-ratelimit-remaining-tokens": "10", "x-ratelimit-reset-tokens": "8s" };

  test("the more restrictive set of each kind stays whole", () => {
    const { admit } = stage(openAiDialect, undefined, { before: saying(theirs) });
    expect(admit({ token: 1 })).toStrictEqual(theirs);
    const few = stage(openAiDialect, [{ type: "token", window: "minute", limit: 9, name: "few" }], {
      before: saying(theirs),
    });
    expect(few.admit({ token: 1 })).toStrictEqual({
      "x-ratelimit-limit-tokens": "9",
      "x-ratelimit-remaining-tokens": "8",
      "x-ratelimit-reset-tokens": "1m0s",
    });
  });

  test("the set of the kind that refuses is told, and of others the more restrictive one", () => {
    const { limiter, refuse } = stage(
      openAiDialect,
      [requestsPerMinute, { type: "token", window: "hour", limit: 900, name: "tph" }],
      { before: saying(theirs) },
    );
    limiter.record("alice", { count: 2, token: 100 });
    expect(refuse({ count: 2 }).fields).toMatchObject({
      "x-ratelimit-limit-requests": "3",
      "x-ratelimit-remaining-requests": "1",
      "x-ratelimit-reset-requests": "1m0s",
      ...tokens,
    });
  });

  test("the longer wait stays, and with it what it means", () => {
    const { limiter, refuse, clock } = stage(openAiDialect, [requestsPerMinute], {
      before: saying({ "Retry-After": "90", "retry-after-ms": "89500" }),
    });
    limiter.record("alice", { count: 3 });
    clock.advance(50_000);
    const { fields, body } = refuse({});
    expect(fields).toMatchObject({
      "Retry-After": "90",
      "retry-after-ms": "89500",
      "x-should-retry": "false",
    });
    expect(body).toMatchObject({
      error: {
        code: "insufficient_quota",
        message: expect.stringMatching(/ will reset at 2026-01-01T00:02:20Z\.$/),
      },
    });
  });

  test.each([
    ["false", "false"],
    ["true", undefined],
    ["no", undefined],
  ])("x-should-retry: %s becomes %s where the wait is short", (before, after) => {
    const { limiter, context, clock } = stage(openAiDialect, [requestsPerMinute], {
      before: saying({ "x-should-retry": before }),
    });
    limiter.record("alice", { count: 3 });
    clock.advance(50_000);
    const statuses = { impossible: 429, longWait: 429 };
    const { fields } = refusalResponse(limiter.check("alice"), context, statuses);
    expect(fields).toHaveProperty("x-should-retry", after);
  });
});

describe("OpenAI's refusals", () => {
  test("D-HDR-03 a short wait: integer Retry-After, retry-after-ms, and the wait in words", () => {
    const { limiter, refuse, clock } = stage(openAiDialect, [
      { type: "token", window: "minute", limit: 200_000, name: "tpm" },
    ]);
    limiter.record("alice", { token: 195_869 });
    clock.advance(53_000);
    expect(refuse({ token: 4412 })).toStrictEqual({
      status: 429,
      contentType: "application/json",
      fields: {
        "x-ratelimit-limit-tokens": "200000",
        "x-ratelimit-remaining-tokens": "4131",
        "x-ratelimit-reset-tokens": "7s",
        "Retry-After": "7",
        "retry-after-ms": "7000",
        "Cache-Control": "no-store",
      },
      body: {
        error: {
          message:
            'Rate limit reached for limit "tpm" on tokens: Limit 200000, Used 195869, ' +
            "Requested 4412. Please try again in 7s.",
          type: "tokens",
          param: null,
          code: "rate_limit_exceeded",
        },
      },
    });
  });

  test("a wait below a second is told exactly, and as 1 in seconds", () => {
    const { limiter, refuse, clock } = stage(openAiDialect, [requestsPerMinute]);
    limiter.record("alice", { count: 3 });
    clock.advance(59_916);
    const { fields, body } = refuse({});
    expect(fields).toMatchObject({ "Retry-After": "1", "retry-after-ms": "84" });
    expect(fields).not.toHaveProperty("x-should-retry");
    expect(body).toMatchObject({
      error: { type: "requests", message: expect.stringMatching(/Please try again in 84ms\.$/) },
    });
  });

  test.each([
    ["30 minutes", { window: "30m" }, "1800", "2026-01-01T00:30:00Z"],
    ["30 days", { window: "30d" }, "86400", "2026-01-31T00:00:00Z"],
  ] as const)(
    "D-HDR-02 %s to wait: no retry, a capped Retry-After, and when it resets",
    (_wait, window, seconds, resetsAt) => {
      const { limiter, refuse } = stage(openAiDialect, [
        { type: "token", limit: 1000, name: "long", ...window },
      ]);
      limiter.record("alice", { token: 990 });
      const { fields, body, status } = refuse({ token: 100 });
      expect(status).toBe(429);
      expect(fields).toMatchObject({ "Retry-After": seconds, "x-should-retry": "false" });
      expect(Number(fields["retry-after-ms"])).toBeLessThanOrEqual(2_147_483_000);
      expect(body).toStrictEqual({
        error: {
          message:
            'Quota used up for limit "long" on tokens: Limit 1000, Used 990, Requested 100. ' +
            `The limit will reset at ${resetsAt}.`,
          type: "insufficient_quota",
          param: null,
          code: "insufficient_quota",
        },
      });
    },
  );

  test.each([
    [59_000, "59", undefined, 429, "rate_limit_exceeded"],
    // The integer decides: some SDKs take 60 for no wait at all.
    [59_001, "60", "false", 402, "insufficient_quota"],
    [60_000, "60", "false", 402, "insufficient_quota"],
  ])(
    "%d ms to wait: Retry-After %s, retry %s, status %d",
    (waitMs, seconds, retry, status, code) => {
      const { limiter, refuse, clock } = stage(openAiDialect, [requestsPerMinute]);
      limiter.record("alice", { count: 3 });
      clock.advance(60_000 - waitMs);
      const answer = refuse({}, { impossible: 429, longWait: 402 });
      expect(answer.fields["Retry-After"]).toBe(seconds);
      expect(answer.fields["retry-after-ms"]).toBe(String(waitMs));
      expect(answer.fields["x-should-retry"]).toBe(retry);
      expect(answer.status).toBe(status);
      expect(answer.body).toMatchObject({ error: { code } });
    },
  );

  test("D-HDR-09 what never fits has no wait, is not retried, and says what was asked of what", () => {
    const { refuse } = stage(
      openAiDialect,
      [{ type: "token", window: "minute", limit: 30_000, name: "tpm" }],
      { before: saying({ "Retry-After": "5", "retry-after-ms": "4200" }) },
    );
    const { fields, body, status } = refuse({ token: 34_307 }, { impossible: 413, longWait: 402 });
    expect(status).toBe(413);
    expect(fields).toStrictEqual({
      "x-ratelimit-limit-tokens": "30000",
      "x-ratelimit-remaining-tokens": "30000",
      "x-ratelimit-reset-tokens": "0s",
      "x-should-retry": "false",
      "Cache-Control": "no-store",
    });
    expect(body).toStrictEqual({
      error: {
        message: 'Request too large for limit "tpm" on tokens: Limit 30000, Requested 34307.',
        type: "tokens",
        param: null,
        code: "rate_limit_exceeded",
      },
    });
  });

  test("a suspended limit has no wait, and counts as a long one", () => {
    const { refuse } = stage(openAiDialect, [{ ...requestsPerMinute, suspended: true }]);
    const { fields, body, status } = refuse({}, { impossible: 413, longWait: 403 });
    expect(status).toBe(403);
    expect(fields).not.toHaveProperty("Retry-After");
    expect(fields).not.toHaveProperty("retry-after-ms");
    expect(fields).toMatchObject({ "x-should-retry": "false" });
    expect(body).toMatchObject({
      error: { message: 'Suspended: limit "rpm" on requests.', code: "insufficient_quota" },
    });
  });

  test.each([
    [1, 52_000, "A limit of this service refused the request. Please try again in 8s."],
    [
      1,
      0,
      "A limit of this service refused the request. The limit will reset at 2026-01-01T00:01:00Z.",
    ],
    [4, 0, "Request too large for a limit of this service."],
  ])("a limit that is not shown keeps its numbers: %d after %d ms", (count, afterMs, message) => {
    const { limiter, refuse, clock } = stage(openAiDialect, [
      { ...requestsPerMinute, scope: "global" },
    ]);
    limiter.record("alice", { count: 3 });
    clock.advance(afterMs);
    const { body } = refuse({ count });
    expect(body).toMatchObject({ error: { message } });
    expect(JSON.stringify(body)).not.toMatch(/rpm|Limit \d/);
  });

  test("debt is told as what is used", () => {
    const { limiter, refuse } = stage(openAiDialect, [requestsPerMinute]);
    limiter.record("alice", { count: 50 });
    const { body, fields } = refuse({});
    expect(body).toMatchObject({
      error: { message: expect.stringContaining("Limit 3, Used 50, Requested 1.") },
    });
    expect(fields["x-ratelimit-remaining-requests"]).toBe("0");
  });

  test("jitter is added to retry-after-ms alone", () => {
    const { limiter, refuse, clock } = stage(openAiDialect, [requestsPerMinute], {
      random: () => 0.5,
    });
    limiter.record("alice", { count: 3 });
    clock.advance(53_000);
    const { fields, body } = refuse({});
    expect(fields).toMatchObject({ "Retry-After": "7", "retry-after-ms": "7350" });
    expect(body).toMatchObject({ error: { message: expect.stringMatching(/in 7s\.$/) } });
  });
});

describe("OpenAI's other answers", () => {
  test("an outage is a server_error to come back from", () => {
    const { status, fields, body, contentType } = outageResponse(5, stage(openAiDialect).context);
    expect([status, contentType]).toStrictEqual([503, "application/json"]);
    expect(withoutGaps(fields)).toStrictEqual({
      "Retry-After": "5",
      "retry-after-ms": "5000",
      "Cache-Control": "no-store",
    });
    expect(body).toStrictEqual({
      error: {
        message: "The limits of this service cannot be checked at the moment.",
        type: "server_error",
        param: null,
        code: "service_unavailable",
      },
    });
  });

  test("a missing id is an invalid_request_error", () => {
    expect(missingIdResponse("no user", stage(openAiDialect).context)).toMatchObject({
      status: 400,
      contentType: "application/json",
      body: {
        error: {
          message: "no user",
          type: "invalid_request_error",
          param: null,
          code: "MISSING_SCOPE",
        },
      },
    });
  });
});

describe("OpenAI on Azure", () => {
  test("tells resets in plain seconds, rounded up", () => {
    const { admit, clock } = stage(azureDialect);
    admit({ token: 1 });
    clock.advance(4600);
    expect(admit({ token: 15 })).toStrictEqual({
      "x-ratelimit-limit-requests": "60",
      "x-ratelimit-remaining-requests": "58",
      "x-ratelimit-reset-requests": "56",
      "x-ratelimit-limit-tokens": "200000",
      "x-ratelimit-remaining-tokens": "199984",
      "x-ratelimit-reset-tokens": "3596",
    });
  });

  test("refuses like OpenAI", () => {
    const { limiter, refuse, clock } = stage(azureDialect, [requestsPerMinute]);
    limiter.record("alice", { count: 3 });
    clock.advance(55_000);
    const { fields, body } = refuse({});
    expect(fields).toMatchObject({
      "x-ratelimit-reset-requests": "5",
      "Retry-After": "5",
      "retry-after-ms": "5000",
    });
    expect(body).toMatchObject({ error: { code: "rate_limit_exceeded", type: "requests" } });
  });
});
