import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { parseDictionary, parseItem, parseList } from "structured-headers";

import { createLimiter } from "../limiter/create-limiter.ts";
import { memoryStore } from "../memory-store.ts";
import type { LimitInput } from "../policy/limit-input.ts";
import { manualClock } from "../testing/manual-clock.ts";
import { ietfDialect } from "./dialects/ietf.ts";
import { ietfFields } from "./fields/ietf.ts";
import { draft6Fields, draft7Fields, xRateLimitFields } from "./fields/legacy.ts";
import { checkPolicies, type QuotaPolicy, type QuotaReport } from "./fields/quota.ts";
import { parseHeaderOptions } from "./header-options.ts";
import type { ResponseField } from "./merge.ts";
import { advertisedPolicies, reportOf } from "./report.ts";
import {
  admittedFields,
  missingIdResponse,
  outageResponse,
  type RefusalResponse,
  refusalResponse,
} from "./response.ts";

const fresh: ResponseField = () => undefined;

const upstream: ResponseField = (name) => (name === "Retry-After" ? "5" : undefined);

function stage(limits: readonly LimitInput[], headers?: unknown) {
  const clock = manualClock(1_000_000);
  const limiter = createLimiter({ limits, store: memoryStore({ clock: clock.now }) });
  const settings = parseHeaderOptions(headers);
  const policies = advertisedPolicies(limiter.limits, settings);
  const dialect = ietfDialect;
  const context = { dialect, settings, policies, crossOrigin: false, before: fresh };
  const refuse = (decision = limiter.check("alice"), before = fresh): RefusalResponse =>
    refusalResponse(decision, { ...context, before }, { impossible: 413, longWait: 429 });
  return { clock, limiter, settings, policies, context, refuse };
}

const minute: LimitInput = { type: "count", window: "minute", limit: 2, name: "minute" };
const hour: LimitInput = { type: "token", window: "hour", limit: 50, name: "hour" };
const bucket: LimitInput = { type: "count", rate: 2, capacity: 10, name: "bucket" };
const everyone: LimitInput = { ...minute, scope: "global", name: "everyone" };

describe("what is reported", () => {
  test("are the advertised limits, in the configuration's order, with their units", () => {
    const { policies } = stage([everyone, hour, minute, { ...bucket, advertise: false }], {
      units: { token: "acme-tokens" },
    });
    expect([...policies.values()]).toStrictEqual([
      {
        name: "hour",
        quota: 50,
        windowMs: 3_600_000,
        unit: "acme-tokens",
        type: "token",
        partitionKey: undefined,
      },
      {
        name: "minute",
        quota: 2,
        windowMs: 60_000,
        unit: "requests",
        type: "count",
        partitionKey: undefined,
      },
    ]);
  });

  test("of a decision, the limits that were asked, and what can be said of them", () => {
    const { limiter, policies, settings } = stage([
      minute,
      { ...hour, when: () => false },
      everyone,
    ]);
    limiter.record("alice", { count: 2 });
    const report = reportOf(limiter.checkAndRecord("alice"), policies, settings);
    expect(report.nowMs).toBe(1_000_000);
    expect(report.maxRetryAfterSeconds).toBe(86_400);
    // What does not apply to the caller may be somebody else's plan: it is not shown at all.
    expect(report.policies.map(({ name }) => name)).toStrictEqual(["minute"]);
    expect(report.states.map(({ policy: { name }, ...state }) => [name, state])).toStrictEqual([
      [
        "minute",
        {
          remaining: 0,
          resetMs: 60_000,
          fullAfterMs: 60_000,
          allowed: false,
          retryAfterMs: 60_000,
          retryable: true,
        },
      ],
    ]);
  });

  test("of a suspended limit, that waiting does not help", () => {
    const { limiter, policies, settings } = stage([{ ...minute, suspended: true }]);
    const [state] = reportOf(limiter.check("alice"), policies, settings).states;
    expect(state).toMatchObject({ allowed: false, retryAfterMs: undefined, retryable: false });
  });
});

function fieldsOf(limits: readonly LimitInput[], headers?: unknown): object {
  const { limiter, context } = stage(limits, headers);
  return admittedFields(limiter.checkAndRecord("alice"), context);
}

describe("an admitted request", () => {
  test("a bucket tells the time its tokens last at their rate", () => {
    expect(fieldsOf([bucket], "ietf")).toStrictEqual({
      "RateLimit-Policy": '"bucket";q=10;w=5',
      RateLimit: '"bucket";r=9;t=5',
    });
  });

  test.each([
    ["everything is hidden", [{ ...minute, advertise: false }], undefined],
    ["only everybody's limit is there", [everyone], undefined],
    ["only refusals are told", [minute], { emit: "denied" }],
    ["nothing is told", [minute], false],
  ])("nothing when %s", (_when, limits, headers) => {
    expect(fieldsOf(limits, headers)).toStrictEqual({});
  });
});

describe("a refused request", () => {
  test.each([
    [1, "1", undefined],
    [500, "1", undefined],
    [1000, "1", undefined],
    [1001, "2", undefined],
    [59_000, "59", undefined],
    [59_001, "60", "false"],
    [60_000, "60", "false"],
  ])("with %d ms to wait says Retry-After %s", (waitMs, seconds, retry) => {
    const { clock, limiter, refuse } = stage([minute]);
    limiter.record("alice", { count: 2 });
    clock.advance(60_000 - waitMs);
    const { fields, body, status } = refuse();
    expect(status).toBe(429);
    expect(fields["Retry-After"]).toBe(seconds);
    expect(fields["x-should-retry"]).toBe(retry);
    expect(body["retry_after_ms"]).toBe(waitMs);
    // N26: never earlier than `t` of the limit that refused.
    expect(fields["RateLimit"]).toBe(`"minute";r=0;t=${seconds}`);
  });

  test("waits for the slowest of those that refuse, whose numbers the body tells", () => {
    const { limiter, refuse } = stage([
      minute,
      { ...minute, window: "day", limit: 3, name: "day" },
    ]);
    limiter.record("alice", { count: 3 });
    const { fields, body } = refuse();
    expect(fields["Retry-After"]).toBe("86400");
    expect(body).toMatchObject({
      "violated-policies": ["day", "minute"],
      policy: "day",
      limit: 3,
      remaining: 0,
      requested: 1,
    });
  });

  test("that never fits has the chosen status, and no wait even where an upstream named one", () => {
    const { limiter, refuse } = stage([minute, hour]);

    const { status, fields, body } = refuse(limiter.check("alice", { token: 51 }), upstream);
    expect(status).toBe(413);
    expect(fields["Retry-After"]).toBeUndefined();
    expect(fields).toHaveProperty("Retry-After");
    expect(fields["x-should-retry"]).toBe("false");
    expect(body).toMatchObject({ status: 413, policy: "hour", limit: 50, requested: 51 });
    expect(body).not.toHaveProperty("retry_after_ms");
  });

  test("by a suspended limit has no wait, and is no 413", () => {
    const { refuse } = stage([{ ...minute, suspended: true }]);
    const { status, fields } = refuse();
    expect(status).toBe(429);
    expect(fields["Retry-After"]).toBeUndefined();
    expect(fields["x-should-retry"]).toBe("false");
  });

  test("by a limit that is not advertised tells the wait and nothing else of it", () => {
    const { limiter, refuse } = stage([everyone]);
    limiter.record("alice", { count: 2 });
    const { fields, body } = refuse();
    expect(body).toStrictEqual({
      type: "https://iana.org/assignments/http-problem-types#quota-exceeded",
      title: "Quota Exceeded",
      status: 429,
      "violated-policies": [],
      detail: "A limit of this service refused the request.",
      retry_after_ms: 60_000,
    });
    expect(Object.keys(fields).filter((name) => /ratelimit/i.test(name))).toStrictEqual([]);
  });

  test("is not stored, and has no validators", () => {
    expect(stage([{ ...minute, suspended: true }]).refuse().fields).toMatchObject({
      "Cache-Control": "no-store",
      ETag: undefined,
      "Last-Modified": undefined,
      Expires: undefined,
    });
  });

  test("a cap on the wait holds for the limits that refused, and for them alone", () => {
    const { limiter, refuse } = stage(
      [minute, { ...minute, limit: 9, window: "day", name: "day" }],
      {
        maxRetryAfterSeconds: 10,
      },
    );
    limiter.record("alice", { count: 2 });
    const { fields } = refuse();
    expect(fields["Retry-After"]).toBe("10");
    expect(fields["RateLimit"]).toBe('"minute";r=0;t=10, "day";r=7;t=86400');
    expect(fields["X-RateLimit-Reset"]).toBe("1010");
  });
});

describe("other answers", () => {
  test("an outage is a 503 without quota, readable from other origins", () => {
    const { context } = stage([minute]);
    const { status, fields, body } = outageResponse(5, { ...context, crossOrigin: true });
    expect(status).toBe(503);
    expect(fields).toMatchObject({
      "Retry-After": "5",
      "Cache-Control": "no-store",
      "Access-Control-Expose-Headers": "Retry-After",
    });
    expect(body).toMatchObject({ status: 503, title: "Temporary Reduced Capacity" });
    expect(outageResponse(5, context).fields).not.toHaveProperty("Access-Control-Expose-Headers");
  });

  test("a missing id is a 400 that says which", () => {
    expect(missingIdResponse("no user", stage([minute]).context)).toMatchObject({
      status: 400,
      body: { status: 400, detail: "no user", code: "MISSING_SCOPE" },
    });
  });
});

const isFieldInteger = (value: unknown): boolean =>
  typeof value === "number" &&
  Number.isInteger(value) &&
  !Object.is(value, -0) &&
  value >= 0 &&
  value <= 999_999_999_999_999;

describe("D-HDR-07 fields are well-formed", () => {
  const printable = fc.string({
    unit: fc.integer({ min: 0x20, max: 0x7e }).map((code) => String.fromCodePoint(code)),
    minLength: 1,
    maxLength: 20,
  });
  // Beyond what the limiter reports: fractions, -0, and numbers that print with an exponent.
  const number = fc.oneof(
    fc.integer({ min: 0, max: 1e9 }),
    fc.double({ noNaN: true }),
    fc.constantFrom(-0, -0.005, 0.5, 1e21, Number.MAX_SAFE_INTEGER, Number.POSITIVE_INFINITY),
  );
  const policy: fc.Arbitrary<QuotaPolicy> = fc.record({
    name: printable,
    unit: fc.oneof(fc.constant("requests"), printable),
    quota: fc.oneof(fc.nat(), fc.constantFrom(0, 1e15, Number.MAX_SAFE_INTEGER)),
    windowMs: fc.oneof(fc.integer({ min: 1, max: 1e9 }), fc.constantFrom(0.5, undefined)),
    partitionKey: fc.option(fc.uint8Array({ maxLength: 9 }), { nil: undefined }),
  });
  const report: fc.Arbitrary<QuotaReport> = fc
    .uniqueArray(policy, { selector: ({ name }) => name, maxLength: 5 })
    .chain((policies) =>
      fc.record({
        nowMs: fc.integer({ min: 0, max: 4e12 }),
        policies: fc.constant(policies),
        maxRetryAfterSeconds: fc.option(fc.integer({ min: 1, max: 2_147_483 }), { nil: undefined }),
        states: fc.tuple(
          ...policies.map((each) =>
            fc.record({
              policy: fc.constant(each),
              remaining: fc.option(number, { nil: undefined }),
              resetMs: fc.option(number, { nil: undefined }),
              allowed: fc.boolean(),
              retryAfterMs: fc.option(number, { nil: undefined }),
              retryable: fc.boolean(),
            }),
          ),
        ),
      }),
    );

  test("a strict parser reads back the names, units and integers that were meant", () => {
    fc.assert(
      fc.property(report, (given) => {
        checkPolicies(given.policies);
        const { RateLimit: states, "RateLimit-Policy": policies } = ietfFields(given);
        const read = policies === undefined ? [] : parseList(policies);
        expect(read.map(([name]) => name)).toStrictEqual(given.policies.map(({ name }) => name));
        for (const [index, [, parameters]] of read.entries()) {
          expect(parameters.get("qu") ?? "requests").toBe(given.policies[index]?.unit);
          expect(isFieldInteger(parameters.get("q"))).toBe(true);
          expect(parameters.get("w") !== 0 && isFieldInteger(parameters.get("w") ?? 1)).toBe(true);
        }
        for (const [name, parameters] of states === undefined ? [] : parseList(states)) {
          expect(given.policies.map((each) => each.name)).toContain(name);
          expect(isFieldInteger(parameters.get("r"))).toBe(true);
          expect(isFieldInteger(parameters.get("t") ?? 0)).toBe(true);
        }
        for (const text of [states, policies]) {
          // The parser cannot tell 1.0 from 1: outside of strings there are neither points nor exponents.
          const bare = (text ?? "").replaceAll(/"(?:[^"\\]|\\.)*"|:[^:]*:/g, "");
          expect(bare).not.toMatch(/[.\-+]|\de\d|NaN|Infinity/);
        }
      }),
      { numRuns: 300 },
    );
  });

  test("so are those of the older drafts and of X-RateLimit", () => {
    fc.assert(
      fc.property(report, (given) => {
        const { RateLimit: dictionary = "", "RateLimit-Policy": quotas = "" } = draft7Fields(given);
        for (const [value] of parseDictionary(dictionary).values()) {
          expect(isFieldInteger(value)).toBe(true);
        }
        const members = parseList(quotas).map(([quota]) => quota);
        expect(members.every(isFieldInteger)).toBe(true);
        expect(new Set(members).size).toBe(members.length);
        const { "RateLimit-Policy": _, ...items } = draft6Fields(given);
        const custom = [xRateLimitFields(given, "epoch"), xRateLimitFields(given, "delta")].flatMap(
          (fields) => Object.values(fields),
        );
        for (const text of [...Object.values(items), ...custom]) {
          expect(text).toMatch(/^\d{1,15}$/);
          expect(isFieldInteger(parseItem(text)[0])).toBe(true);
        }
      }),
      { numRuns: 300 },
    );
  });

  test.each(['a"b', String.raw`back\slash`, "a, b;c=d", " ", "~"])(
    "a limit may be called %j, and a client reads just that",
    (name) => {
      const { limiter, context } = stage([{ ...minute, name }]);
      const fields = admittedFields(limiter.checkAndRecord("a"), context);
      for (const field of ["RateLimit", "RateLimit-Policy"]) {
        expect(parseList(fields[field] ?? "").map(([read]) => read)).toStrictEqual([name]);
      }
    },
  );

  test.each(["", "a\nb", "a\rb", "tab\t", "é", "🚀", "\u007f", "\0"])(
    "a limit cannot be called %j",
    (name) => {
      expect(() => stage([{ ...minute, name }])).toThrow(/limits\[0\]\.name/);
      const quota: QuotaPolicy = {
        name,
        quota: 1,
        windowMs: 1,
        unit: "requests",
        partitionKey: undefined,
      };
      expect(() => {
        checkPolicies([quota]);
      }).toThrow(/name/);
    },
  );
});
