import assert from "node:assert/strict";

import type { AdapterCase, AnyOptions } from "./adapter-app.ts";
import { objectIn, type Received, send } from "./adapter-client.ts";
import {
  appCase,
  behind,
  byHeader,
  desk,
  home,
  hundredTokens,
  limitFields,
  perMinute,
  withTokens,
} from "./adapter-stage.ts";

const exposedIn = ({ headers }: Received): readonly string[] =>
  (headers["access-control-expose-headers"] ?? "").split(", ").map((name) => name.toLowerCase());

const fromPage = { origin: "https://page.example" };

const standard = ["RateLimit-Policy", "RateLimit"];
const custom = ["X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset"];
const lower = (names: readonly string[]): readonly string[] =>
  names.map((name) => name.toLowerCase()).toSorted();

/** One admitted and one refused answer under these header options. */
const bothAnswers = (
  name: string,
  headers: AnyOptions["headers"],
  expected: Readonly<Record<"admitted" | "refused", Readonly<Record<string, string>>>>,
): AdapterCase =>
  appCase(name, async (start) => {
    const { limiter } = desk([perMinute(1)]);
    const app = await start(
      behind({ limiter, identify: byHeader, ...(headers === undefined ? {} : { headers }) }),
    );
    for (const [outcome, status] of [
      ["admitted", 200],
      ["refused", 429],
    ] as const) {
      const answer = await send(app);
      assert.equal(answer.status, status);
      const fields = limitFields(answer).map((field) => [field, answer.headers[field]]);
      assert.deepEqual(Object.fromEntries(fields), expected[outcome]);
      assert.equal(answer.headers["retry-after"], status === 429 ? "60" : undefined);
    }
  });

/** What responses say about limits, when requests are admitted and when they are refused. */
export const fieldCases: readonly AdapterCase[] = [
  appCase(
    "an admitted answer tells what is left, in the draft's fields and in X-RateLimit",
    async (start) => {
      const { limiter, clock, startMs } = desk([perMinute(3)]);
      const app = await start(behind({ limiter, identify: byHeader }));
      clock.advance(250);
      const answer = await send(app);
      assert.equal(answer.status, 200);
      assert.deepEqual(objectIn(answer), { ok: true });
      const { headers } = answer;
      assert.equal(headers["ratelimit-policy"], '"requests";q=3;w=60');
      assert.equal(headers["ratelimit"], '"requests";r=2;t=60');
      assert.equal(headers["x-ratelimit-limit"], "3");
      assert.equal(headers["x-ratelimit-remaining"], "2");
      assert.equal(headers["x-ratelimit-reset"], String(Math.ceil((startMs + 60_250) / 1000)));
      assert.equal(headers["retry-after"], undefined);
      assert.equal(headers["x-should-retry"], undefined);
      assert.notEqual(headers["cache-control"], "no-store");
    },
  ),

  appCase(
    "D-HDR-03 D-HDR-08 a refusal has all fields of a success, an integer Retry-After and a problem body",
    async (start) => {
      const { limiter, clock } = desk([perMinute(1)]);
      const app = await start(behind({ limiter, identify: byHeader }));
      const admitted = await send(app);
      clock.advance(53_000);
      const refused = await send(app);
      assert.equal(refused.status, 429);
      assert.deepEqual(limitFields(refused), limitFields(admitted));
      assert.deepEqual(limitFields(refused), lower([...standard, ...custom]));
      assert.equal(refused.headers["ratelimit"], '"requests";r=0;t=7');
      assert.equal(refused.headers["x-ratelimit-remaining"], "0");
      assert.equal(refused.headers["retry-after"], "7");
      assert.equal(refused.headers["cache-control"], "no-store");
      assert.match(String(refused.headers["content-type"]), /^application\/problem\+json/);
      assert.deepEqual(objectIn(refused), {
        type: "https://iana.org/assignments/http-problem-types#quota-exceeded",
        title: "Quota Exceeded",
        status: 429,
        "violated-policies": ["requests"],
        detail: 'limit "requests" has 0 of 1 left and count 1 was asked; it fits in 7 s',
        policy: "requests",
        unit: "requests",
        limit: 1,
        remaining: 0,
        requested: 1,
        retry_after_ms: 7000,
      });
    },
  ),

  appCase(
    "D-HDR-01 a wait is told in whole seconds, rounded up, and whoever waits so long is admitted",
    async (start) => {
      const { limiter, clock } = desk([perMinute(1)]);
      const app = await start(behind({ limiter, identify: byHeader }));
      await send(app);
      clock.advance(999);
      const long = await send(app);
      // Of 59 001 ms: 60 s, from which on SDKs are told not to retry.
      assert.equal(long.headers["retry-after"], "60");
      assert.equal(long.headers["x-should-retry"], "false");
      clock.advance(58_501);
      const short = await send(app);
      assert.equal(short.headers["retry-after"], "1");
      assert.equal(short.headers["x-should-retry"], undefined);
      clock.advance(1000);
      assert.equal((await send(app)).status, 200);
    },
  ),

  appCase("D-HDR-04 field, body and text tell the same wait, in their units", async (start) => {
    const { limiter, clock } = desk([perMinute(1)]);
    const app = await start(behind({ limiter, identify: byHeader }));
    await send(app);
    clock.advance(55_000);
    const refused = await send(app);
    assert.equal(refused.headers["retry-after"], "5");
    const { retry_after_ms: waitMs, detail } = objectIn(refused);
    assert.equal(waitMs, 5000);
    assert.match(String(detail), / 5 s$/);
  }),

  appCase(
    "D-HDR-05 the reset is an integer in epoch seconds, not before the true end",
    async (start) => {
      const { limiter, clock, startMs } = desk([perMinute(1)]);
      const app = await start(behind({ limiter, identify: byHeader }));
      clock.advance(589);
      await send(app);
      const { headers } = await send(app);
      const reset = String(headers["x-ratelimit-reset"]);
      assert.match(reset, /^\d{10}$/);
      assert.equal(Number(reset), Math.ceil((startMs + 589 + 60_000) / 1000));
    },
  ),

  appCase(
    "D-HDR-06 two limits of one number are both listed, and X-RateLimit describes the nearer one",
    async (start) => {
      const { limiter } = desk([
        { type: "count", window: "minute", limit: 100, scope: "tenant", name: "minute" },
        { type: "count", window: "day", limit: 100, scope: "user", name: "day" },
      ]);
      await limiter.record({ tenant: "acme", user: "other" }, { count: 85 });
      await limiter.record({ tenant: "acme", user: "alice" }, { count: 9 });
      const app = await start(
        behind({ limiter, identify: () => ({ tenant: "acme", user: "alice" }) }),
      );
      const { headers } = await send(app);
      assert.equal(headers["ratelimit-policy"], '"minute";q=100;w=60, "day";q=100;w=86400');
      assert.equal(headers["ratelimit"], '"minute";r=5;t=60, "day";r=90;t=86400');
      assert.equal(headers["x-ratelimit-remaining"], "5");
      await limiter.record({ tenant: "acme", user: "alice" }, { count: 5 });
      const refused = await send(app);
      assert.equal(refused.status, 429);
      assert.equal(refused.headers["ratelimit"], '"minute";r=0;t=60, "day";r=85;t=86400');
      assert.equal(refused.headers["x-ratelimit-remaining"], "0");
      assert.deepEqual(objectIn(refused)["violated-policies"], ["minute"]);
    },
  ),

  appCase(
    "D-HDR-09 an impossible request gets no Retry-After, is told not to retry, and why",
    async (start) => {
      const { limiter, used } = desk(withTokens(50));
      const app = await start(behind({ limiter, identify: byHeader, cost: hundredTokens }));
      const answer = await send(app);
      assert.equal(answer.status, 429);
      assert.equal(answer.headers["retry-after"], undefined);
      assert.equal(answer.headers["x-should-retry"], "false");
      const body = objectIn(answer);
      assert.equal(body["status"], 429);
      assert.equal(body["limit"], 50);
      assert.equal(body["requested"], 100);
      assert.equal(body["retry_after_ms"], undefined);
      assert.match(String(body["detail"]), /can never admit token 100/);
      assert.deepEqual(await used("alice"), { requests: 0, tokens: 0 });
    },
  ),

  appCase("an impossible request is a 413 by option, in the body too", async (start) => {
    const { limiter } = desk(withTokens(50));
    const app = await start(
      behind({ limiter, identify: byHeader, cost: hundredTokens, impossibleStatus: 413 }),
    );
    const answer = await send(app);
    assert.equal(answer.status, 413);
    assert.equal(objectIn(answer)["status"], 413);
    assert.equal(answer.headers["retry-after"], undefined);
  }),

  appCase("D-HDR-11 what is left moves with every hold, and debt shows as 0", async (start) => {
    const { limiter } = desk(withTokens(1000));
    const app = await start(behind({ limiter, identify: byHeader, cost: hundredTokens }));
    for (const left of [900, 800, 700]) {
      const { headers } = await send(app);
      assert.match(String(headers["ratelimit"]), new RegExp(`"tokens";r=${String(left)};`));
    }
    await limiter.record("alice", { token: 5000 });
    const { headers, status } = await send(app);
    assert.equal(status, 429);
    assert.match(String(headers["ratelimit"]), /^"tokens";r=0;/);
  }),

  appCase(
    "a wait is told up to a day, and from a minute on with x-should-retry: false",
    async (start) => {
      const { limiter } = desk([{ type: "count", window: "month", limit: 1, name: "month" }]);
      const app = await start(behind({ limiter, identify: byHeader }));
      await send(app);
      const refused = await send(app);
      assert.equal(refused.headers["retry-after"], "86400");
      assert.equal(refused.headers["x-should-retry"], "false");
      assert.equal(refused.headers["ratelimit"], '"month";r=0;t=86400');
      assert.equal(objectIn(refused)["retry_after_ms"], 30 * 86_400_000);
    },
  ),

  appCase(
    "D-HDR-10 other origins may read every field, beside those the application exposes",
    async (start) => {
      const { limiter } = desk([perMinute(1)]);
      const app = await start({
        layers: [
          { fields: { "Access-Control-Expose-Headers": "X-App, ratelimit" } },
          { options: { limiter, identify: byHeader } },
        ],
        routes: [home()],
      });
      const admitted = await send(app, { headers: fromPage });
      const refused = await send(app, { headers: fromPage });
      assert.equal(refused.status, 429);
      assert.deepEqual(exposedIn(admitted), [
        "x-app",
        "ratelimit",
        "ratelimit-policy",
        ...custom.map((name) => name.toLowerCase()),
      ]);
      assert.deepEqual(exposedIn(refused).toSorted(), [
        ...lower([...standard, ...custom]).slice(0, 2),
        "retry-after",
        "x-app",
        ...lower(custom),
        "x-should-retry",
      ]);
      const ownOrigin = await send(app);
      assert.equal(ownOrigin.headers["access-control-expose-headers"], "X-App, ratelimit");
    },
  ),

  appCase(
    "without Origin nothing is exposed, and neither when that is switched off",
    async (start) => {
      const first = desk([perMinute(1)]);
      const quiet = desk([perMinute(1)]);
      const app = await start(behind({ limiter: first.limiter, identify: byHeader }));
      const off = await start(
        behind({ limiter: quiet.limiter, identify: byHeader, headers: { expose: false } }),
      );
      for (const answer of [
        await send(app),
        await send(app),
        await send(off, { headers: fromPage }),
        await send(off, { headers: fromPage }),
      ]) {
        assert.equal(answer.headers["access-control-expose-headers"], undefined);
      }
    },
  ),

  appCase(
    "fields of an upstream limiter stay: lists grow, and the more restrictive set is kept whole",
    async (start) => {
      const { limiter } = desk([perMinute(5)]);
      const upstream = {
        "RateLimit-Policy": '"upstream";q=9;w=10',
        RateLimit: '"upstream";r=1;t=3',
        "X-RateLimit-Limit": "9",
        "X-RateLimit-Remaining": "1",
        "X-RateLimit-Reset": "1700000000",
      };
      const app = await start({
        layers: [{ fields: upstream }, { options: { limiter, identify: byHeader } }],
        routes: [home()],
      });
      const { headers } = await send(app);
      assert.equal(headers["ratelimit-policy"], '"upstream";q=9;w=10, "requests";q=5;w=60');
      assert.equal(headers["ratelimit"], '"upstream";r=1;t=3, "requests";r=4;t=60');
      assert.equal(headers["x-ratelimit-limit"], "9");
      assert.equal(headers["x-ratelimit-remaining"], "1");
      assert.equal(headers["x-ratelimit-reset"], "1700000000");
      await limiter.record("alice", { count: 4 });
      const refused = await send(app);
      assert.equal(refused.status, 429);
      assert.equal(refused.headers["x-ratelimit-limit"], "5");
      assert.equal(refused.headers["x-ratelimit-remaining"], "0");
    },
  ),

  appCase("a refusal is not stored, whatever the application said about caching", async (start) => {
    const { limiter } = desk([perMinute(1)]);
    const cached = {
      "Cache-Control": "public, max-age=600",
      ETag: '"v1"',
      "Last-Modified": "Thu, 01 Jan 2026 00:00:00 GMT",
      Expires: "Thu, 01 Jan 2027 00:00:00 GMT",
      "Retry-After": "600",
    };
    const app = await start({
      layers: [{ fields: cached }, { options: { limiter, identify: byHeader } }],
      routes: [home()],
    });
    assert.equal((await send(app)).headers["cache-control"], "public, max-age=600");
    const { headers } = await send(app);
    assert.equal(headers["cache-control"], "no-store");
    assert.equal(headers["last-modified"], undefined);
    assert.equal(headers["expires"], undefined);
    assert.notEqual(headers["etag"], '"v1"');
    // The longer of two waits.
    assert.equal(headers["retry-after"], "600");
  }),

  appCase(
    "HEAD counts like GET, and is refused with all fields but without content",
    async (start) => {
      const { limiter } = desk([perMinute(2)]);
      const app = await start(behind({ limiter, identify: byHeader }));
      assert.equal((await send(app, { method: "HEAD" })).headers["x-ratelimit-remaining"], "1");
      assert.equal((await send(app)).headers["x-ratelimit-remaining"], "0");
      const [head, get] = [await send(app, { method: "HEAD" }), await send(app)];
      assert.equal(head.status, 429);
      assert.equal(head.body, "");
      assert.deepEqual(limitFields(head), limitFields(get));
      for (const name of ["retry-after", "cache-control", "content-type"]) {
        assert.equal(head.headers[name], get.headers[name]);
      }
      // RFC 9110 §8.6: either the length a GET would have, or none.
      const length = head.headers["content-length"] ?? get.headers["content-length"];
      assert.equal(length, get.headers["content-length"]);
    },
  ),

  appCase("a preflight passes unmetered, another OPTIONS request counts", async (start) => {
    const { limiter } = desk([perMinute(2)]);
    const app = await start(
      behind({ limiter, identify: byHeader }, home(), {
        method: "OPTIONS",
        path: "/",
        handler: () => ({ json: "options" }),
      }),
    );
    const preflight = {
      method: "OPTIONS",
      headers: { ...fromPage, "access-control-request-method": "POST" },
    };
    for (let n = 0; n < 3; n += 1) {
      const answer = await send(app, preflight);
      assert.equal(answer.status, 200);
      assert.deepEqual(limitFields(answer), []);
    }
    // On another method it is no preflight, or the field would be a way around the limit.
    assert.equal((await send(app, { ...preflight, method: "GET" })).status, 200);
    assert.equal((await send(app, { method: "OPTIONS" })).status, 200);
    assert.equal((await send(app, { method: "OPTIONS" })).status, 429);
    assert.equal((await send(app, preflight)).status, 200);
  }),

  appCase("a preflight counts with skipPreflights: false", async (start) => {
    const { limiter } = desk([perMinute(1)]);
    const app = await start(
      behind(
        { limiter, identify: byHeader, skipPreflights: false },
        { method: "OPTIONS", path: "/", handler: () => ({ json: "options" }) },
      ),
    );
    const preflight = { method: "OPTIONS", headers: { "access-control-request-method": "GET" } };
    assert.equal((await send(app, preflight)).status, 200);
    assert.equal((await send(app, preflight)).status, 429);
  }),

  bothAnswers("headers: false leaves all rate-limit fields out, but not Retry-After", false, {
    admitted: {},
    refused: {},
  }),

  bothAnswers("headers: 'draft-7' describes one limit as a dictionary", "draft-7", {
    admitted: { ratelimit: "limit=1, remaining=0, reset=60", "ratelimit-policy": "1;w=60" },
    refused: { ratelimit: "limit=1, remaining=0, reset=60", "ratelimit-policy": "1;w=60" },
  }),

  bothAnswers("headers: 'draft-6' describes one limit in three fields", "draft-6", {
    admitted: {
      "ratelimit-policy": "1;w=60",
      "ratelimit-limit": "1",
      "ratelimit-remaining": "0",
      "ratelimit-reset": "60",
    },
    refused: {
      "ratelimit-policy": "1;w=60",
      "ratelimit-limit": "1",
      "ratelimit-remaining": "0",
      "ratelimit-reset": "60",
    },
  }),

  bothAnswers(
    "emit: 'denied' shows the fields on refusals only",
    { emit: "denied", formats: ["ietf"] },
    {
      admitted: {},
      refused: { "ratelimit-policy": '"requests";q=1;w=60', ratelimit: '"requests";r=0;t=60' },
    },
  ),

  bothAnswers(
    "reset: 'delta' counts from now",
    { formats: ["x-ratelimit"], reset: "delta" },
    {
      admitted: {
        "x-ratelimit-limit": "1",
        "x-ratelimit-remaining": "0",
        "x-ratelimit-reset": "60",
      },
      refused: {
        "x-ratelimit-limit": "1",
        "x-ratelimit-remaining": "0",
        "x-ratelimit-reset": "60",
      },
    },
  ),

  appCase("a global limit refuses but shows no numbers, unless it is advertised", async (start) => {
    const { limiter } = desk([
      perMinute(10),
      { type: "count", window: "minute", limit: 1, scope: "global", name: "everyone" },
    ]);
    const app = await start(behind({ limiter, identify: byHeader }));
    const admitted = await send(app);
    assert.equal(admitted.headers["ratelimit"], '"requests";r=9;t=60');
    const refused = await send(app, { headers: { "x-caller": "bob" } });
    assert.equal(refused.status, 429);
    assert.equal(refused.headers["retry-after"], "60");
    assert.equal(refused.headers["ratelimit-policy"], '"requests";q=10;w=60');
    const body = objectIn(refused);
    assert.deepEqual(body["violated-policies"], []);
    assert.equal(body["limit"], undefined);
    assert.doesNotMatch(refused.body, /everyone/);
    const shown = desk([
      {
        type: "count",
        window: "minute",
        limit: 1,
        scope: "global",
        name: "everyone",
        advertise: true,
      },
    ]);
    const open = await start(behind({ limiter: shown.limiter }));
    assert.equal((await send(open)).headers["ratelimit"], '"everyone";r=0;t=60');
  }),
];
