import assert from "node:assert/strict";

import type { TollgateHandle } from "../http/handle.ts";
import type { AdapterCase, AnyOptions, Handler, Route } from "./adapter-app.ts";
import { objectIn, send } from "./adapter-client.ts";
import {
  appCase,
  assertEndedOnce,
  behind,
  byHeader,
  desk,
  home,
  hundredTokens,
  limitFields,
  ok,
  perMinute,
  withTokens,
} from "./adapter-stage.ts";

const outcomes: Handler = ({ tollgate }) => ({
  json: { outcomes: tollgate.decisions.map(({ outcome }) => outcome) },
});

/** A route whose first limiter differs by this. */
const overridden = (override: NonNullable<Route["override"]>, handler: Handler = ok): Route => ({
  path: "/special",
  override,
  handler,
});

/** Several limiters on one request, one limiter in several places, and routes that differ. */
export const routeCases: readonly AdapterCase[] = [
  appCase(
    "D-HDR-06 two limiters on one request: both are listed, and X-RateLimit is the more restrictive",
    async (start) => {
      const outer = desk([{ ...perMinute(2), name: "outer" }]);
      const inner = desk([{ ...perMinute(9), name: "inner" }], { name: "second" });
      const app = await start({
        layers: [
          { options: { limiter: outer.limiter, identify: byHeader } },
          { options: { limiter: inner.limiter, identify: byHeader } },
        ],
        routes: [home(outcomes)],
      });
      const answer = await send(app);
      assert.equal(answer.headers["ratelimit-policy"], '"outer";q=2;w=60, "inner";q=9;w=60');
      assert.equal(answer.headers["ratelimit"], '"outer";r=1;t=60, "inner";r=8;t=60');
      assert.equal(answer.headers["x-ratelimit-limit"], "2");
      assert.equal(answer.headers["x-ratelimit-remaining"], "1");
      assert.deepEqual(objectIn(answer), { outcomes: ["admitted", "admitted"] });
    },
  ),

  appCase("D-DEC-01 a later limiter's refusal gives back what earlier ones hold", async (start) => {
    const outer = desk(withTokens(1000));
    const inner = desk([{ ...perMinute(1), name: "inner" }], { name: "second" });
    const app = await start({
      layers: [
        { options: { limiter: outer.limiter, identify: byHeader, cost: hundredTokens } },
        { options: { limiter: inner.limiter, identify: byHeader } },
      ],
      routes: [home()],
    });
    assert.equal((await send(app)).status, 200);
    const refused = await send(app);
    assert.equal(refused.status, 429);
    assert.deepEqual(objectIn(refused)["violated-policies"], ["inner"]);
    await app.close();
    assertEndedOnce(outer, 2);
    assert.deepEqual(await outer.used("alice"), { requests: 1, tokens: 100 });
  }),

  appCase(
    "what an earlier limiter holds goes back when a later one fails: outage, missing id or bug",
    async (start) => {
      const failures: readonly (readonly [number, AnyOptions])[] = [
        [
          503,
          {
            identify: byHeader,
            limiter: desk([perMinute(1)], {
              name: "down",
              wrap: (store) => ({ ...store, apply: async () => Promise.reject(new Error("down")) }),
            }).limiter,
          },
        ],
        [400, { limiter: desk([{ ...perMinute(1), scope: "user" }], { name: "user" }).limiter }],
        [
          500,
          {
            limiter: desk([perMinute(1)], { name: "bug" }).limiter,
            identify: () => {
              throw new TypeError("a bug");
            },
          },
        ],
      ];
      for (const [status, options] of failures) {
        const first = desk(withTokens(1000));
        const app = await start({
          layers: [
            { options: { limiter: first.limiter, identify: byHeader, cost: hundredTokens } },
            { options },
          ],
          routes: [home()],
        });
        assert.equal((await send(app)).status, status);
        await first.told("settled");
        await app.close();
        assertEndedOnce(first, 1);
        assert.deepEqual(await first.used("alice"), { requests: 1, tokens: 0 });
      }
    },
  ),

  appCase(
    "one settlement serves all limiters of a request, each with the types it meters",
    async (start) => {
      const tokens = desk(withTokens(1000));
      const money = desk([{ type: "usd", window: "day", limit: 50, name: "money" }], {
        name: "money",
      });
      const app = await start({
        layers: [
          { options: { limiter: tokens.limiter, identify: byHeader, cost: hundredTokens } },
          { options: { limiter: money.limiter, identify: byHeader, cost: () => ({ usd: 9 }) } },
        ],
        routes: [
          home(async ({ tollgate }) => {
            await tollgate.settle({ token: 20, usd: 2 });
            return { json: {} };
          }),
        ],
      });
      assert.equal((await send(app)).status, 200);
      await app.close();
      assertEndedOnce(tokens, 1);
      assertEndedOnce(money, 1);
      assert.deepEqual(await tokens.used("alice"), { requests: 1, tokens: 20 });
      assert.deepEqual(await money.used("alice"), { money: 2 });
    },
  ),

  ...(["GET", "HEAD"] as const).map((method) =>
    appCase(
      `D-CFG-04 one limiter on the application and again on a route charges a ${method} once`,
      async (start) => {
        const all = desk(withTokens(1000));
        const options = { limiter: all.limiter, identify: byHeader, cost: hundredTokens };
        const app = await start({
          layers: [{ options }, { options }],
          routes: [{ path: "/", layers: [{ options }], handler: ok }],
        });
        const answer = await send(app, { method });
        assert.equal(answer.status, 200);
        // Told once as well.
        assert.equal(answer.headers["ratelimit"]?.includes(","), true);
        assert.equal(String(answer.headers["ratelimit"]).split(",").length, 2);
        await app.close();
        assertEndedOnce(all, 1);
        assert.deepEqual(await all.used("alice"), { requests: 1, tokens: 100 });
      },
    ),
  ),

  appCase("D-CFG-04 so it does when it is given to two rateLimit calls", async (start) => {
    const { limiter, used } = desk([perMinute(9)]);
    const app = await start({
      layers: [{ options: { limiter, identify: byHeader } }],
      routes: [{ path: "/", layers: [{ options: { limiter, identify: byHeader } }], handler: ok }],
    });
    assert.equal((await send(app)).headers["x-ratelimit-remaining"], "8");
    assert.deepEqual(await used("alice"), { requests: 1 });
  }),

  appCase("D-CFG-04 two different limiters charge once each", async (start) => {
    const first = desk([perMinute(9)]);
    const second = desk([{ ...perMinute(9), name: "other" }], { name: "second" });
    const app = await start({
      layers: [{ options: { limiter: first.limiter, identify: byHeader } }],
      routes: [
        {
          path: "/",
          layers: [{ options: { limiter: second.limiter, identify: byHeader } }],
          handler: ok,
        },
      ],
    });
    await send(app);
    assert.deepEqual(await first.used("alice"), { requests: 1 });
    assert.deepEqual(await second.used("alice"), { other: 1 });
  }),

  appCase("a route's own number applies to the same usage", async (start) => {
    const { limiter } = desk([perMinute(5)]);
    const app = await start(
      behind(
        { limiter, identify: byHeader },
        home(),
        overridden({ limits: { requests: { limit: 2 } } }),
      ),
    );
    const path = "/special";
    assert.equal((await send(app)).headers["x-ratelimit-remaining"], "4");
    const special = await send(app, { path });
    assert.equal(special.headers["ratelimit-policy"], '"requests";q=2;w=60');
    assert.equal(special.headers["x-ratelimit-remaining"], "0");
    assert.equal((await send(app, { path })).status, 429);
    assert.equal((await send(app, { path, method: "HEAD" })).status, 429);
    assert.equal((await send(app)).headers["x-ratelimit-remaining"], "2");
  }),

  appCase("a route's own cost, and a limit it skips or adds", async (start) => {
    const all = desk([{ ...perMinute(1) }, { ...perMinute(3), window: "hour", name: "hour" }]);
    const app = await start(
      behind(
        { limiter: all.limiter, identify: byHeader },
        home(),
        overridden({
          limits: { requests: { skip: true } },
          add: [{ type: "usd", window: "hour", limit: 10, name: "money" }],
          cost: () => ({ count: 2, usd: 4 }),
        }),
      ),
    );
    const answer = await send(app, { path: "/special" });
    assert.equal(
      answer.headers["ratelimit-policy"],
      '"hour";q=3;w=3600, "money";q=10;qu="usd";w=3600',
    );
    assert.equal(answer.headers["ratelimit"], '"hour";r=1;t=3600, "money";r=6;t=3600');
    assert.equal((await send(app, { path: "/special" })).status, 429);
    assert.equal((await send(app)).status, 200);
    assert.deepEqual(await all.used("alice"), { requests: 1, hour: 3 });
  }),

  appCase("a route's own skip lets some of its requests pass unmetered", async (start) => {
    const { limiter } = desk([perMinute(1)]);
    const app = await start(
      behind(
        { limiter, identify: byHeader },
        home(),
        overridden({ skip: ({ headers }) => headers["x-internal"] === "1" }),
      ),
    );
    const path = "/special";
    const headers = { "x-internal": "1" };
    for (let n = 0; n < 3; n += 1) {
      const answer = await send(app, { path, headers });
      assert.equal(answer.status, 200);
      assert.deepEqual(limitFields(answer), []);
    }
    assert.equal((await send(app, { path })).status, 200);
    assert.equal((await send(app, { path })).status, 429);
  }),

  appCase(
    "D-CFG-02 an override of a limit that does not exist is a configuration error",
    async (start) => {
      const { limiter } = desk([perMinute(1)]);
      const wrong: readonly NonNullable<Route["override"]>[] = [
        { limits: { request: { limit: 2 } } },
        { limits: { requests: { limit: 0 } } },
        { add: [{ type: "count", window: "hour", limit: 1 }] },
        JSON.parse('{"limit":2}'),
      ];
      for (const override of wrong) {
        const spec = behind({ limiter, identify: byHeader }, overridden(override));
        await assert.rejects(async () => start(spec), { code: "INVALID_CONFIG" });
      }
    },
  ),

  ...(
    [
      ["at once", ({ headers }) => headers["x-internal"] === "1"],
      ["later", async ({ headers }) => Promise.resolve(headers["x-internal"] === "1")],
    ] satisfies readonly (readonly [string, NonNullable<AnyOptions["skip"]>])[]
  ).map(([when, skip]) =>
    appCase(`skip, answered ${when}, lets requests pass unmetered`, async (start) => {
      const all = desk(withTokens(1000, 1));
      const handles: TollgateHandle[] = [];
      const app = await start(
        behind(
          { limiter: all.limiter, identify: byHeader, cost: hundredTokens, skip },
          home(async ({ tollgate }) => {
            handles.push(tollgate);
            // The handler need not know whether it is metered.
            await tollgate.settle({ token: 1 });
            return { json: await tollgate.usage() };
          }),
        ),
      );
      const headers = { "x-internal": "1" };
      for (let n = 0; n < 3; n += 1) {
        const answer = await send(app, { headers });
        assert.equal(answer.status, 200);
        assert.deepEqual(limitFields(answer), []);
        assert.equal(answer.body, "[]");
      }
      assert.equal(handles[0]?.decision.outcome, "admitted");
      assert.equal(all.store.stats().keys, 0);
      assert.equal((await send(app)).status, 200);
      assert.equal((await send(app)).status, 429);
    }),
  ),

  appCase("skip that throws is a 500, and nothing is charged", async (start) => {
    const { limiter, store } = desk([perMinute(1)]);
    const app = await start(
      behind({
        limiter,
        identify: byHeader,
        skip: () => {
          throw new TypeError("a bug");
        },
      }),
    );
    assert.equal((await send(app)).status, 500);
    assert.equal(store.stats().keys, 0);
  }),

  appCase(
    "a skipped request may settle an amount that only a metered one would know",
    async (start) => {
      const { limiter } = desk([{ type: "usd", window: "day", limit: 5, name: "money" }]);
      const app = await start(
        behind(
          { limiter, identify: byHeader, cost: () => ({ usd: 1 }), skip: () => true },
          home(async ({ tollgate }) => {
            await tollgate.settle({ usd: 3 });
            return { json: {} };
          }),
        ),
      );
      assert.equal((await send(app)).status, 200);
    },
  ),
];
