import assert from "node:assert/strict";

import type { RefusedContext } from "../http/options.ts";
import { memoryStore } from "../memory-store.ts";
import type { AdapterCase } from "./adapter-app.ts";
import { objectIn, send } from "./adapter-client.ts";
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

/** What the application may change, and what happens when its callbacks or the store fail. */
export const refusalCases: readonly AdapterCase[] = [
  appCase(
    "onRefused sees the decision, and changes status, body and fields of a refusal",
    async (start) => {
      const { limiter } = desk([perMinute(1)]);
      const seen: RefusedContext[] = [];
      const app = await start(
        behind({
          limiter,
          identify: byHeader,
          onRefused: (context, { headers }) => {
            seen.push(context);
            return {
              status: 403,
              body: { slow: "down", caller: String(headers["x-caller"]) },
              headers: { "X-Refused": "yes", "content-type": "application/json" },
            };
          },
        }),
      );
      const headers = { "x-caller": "bob" };
      await send(app, { headers });
      const refused = await send(app, { headers });
      assert.equal(refused.status, 403);
      assert.deepEqual(objectIn(refused), { slow: "down", caller: "bob" });
      assert.equal(refused.headers["x-refused"], "yes");
      assert.match(String(refused.headers["content-type"]), /^application\/json/);
      assert.equal(refused.headers["retry-after"], "60");
      assert.equal(refused.headers["ratelimit"], '"requests";r=0;t=60');
      assert.deepEqual(
        seen.map(({ decision, status, body }) => [decision.outcome, status, body["policy"]]),
        [["refused", 429, "requests"]],
      );
    },
  ),

  appCase(
    "onRefused may answer with a text, or later, or leave the answer as it is",
    async (start) => {
      const text = desk([perMinute(1)]);
      const asIs = desk([perMinute(1)]);
      const status = desk([perMinute(1)]);
      const [plain, same, other] = [
        await start(
          behind({
            limiter: text.limiter,
            identify: byHeader,
            onRefused: async () => Promise.resolve({ body: "slow down" }),
          }),
        ),
        await start(
          behind({ limiter: asIs.limiter, identify: byHeader, onRefused: () => undefined }),
        ),
        await start(
          behind({
            limiter: status.limiter,
            identify: byHeader,
            onRefused: () => ({ status: 403 }),
          }),
        ),
      ];
      for (const app of [plain, same, other]) await send(app);
      const refused = await send(plain);
      assert.equal(refused.body, "slow down");
      assert.match(String(refused.headers["content-type"]), /^text\/plain/);
      assert.equal(objectIn(await send(same))["title"], "Quota Exceeded");
      const forbidden = await send(other);
      assert.equal(forbidden.status, 403);
      // RFC 9457 §3.1.2: the problem tells the status it is sent with.
      assert.equal(objectIn(forbidden)["status"], 403);
    },
  ),

  appCase(
    "D-HDR-08 context.error, thrown, makes the framework answer 429 with the same fields",
    async (start) => {
      const { limiter } = desk([perMinute(1)]);
      const app = await start(
        behind({
          limiter,
          identify: byHeader,
          onRefused: ({ error }) => {
            throw error;
          },
        }),
      );
      const admitted = await send(app);
      const refused = await send(app);
      assert.equal(refused.status, 429);
      assert.deepEqual(limitFields(refused), limitFields(admitted));
      assert.equal(refused.headers["ratelimit"], '"requests";r=0;t=60');
      assert.equal(refused.headers["retry-after"], "60");
      assert.equal(refused.headers["cache-control"], "no-store");
    },
  ),

  appCase(
    "D-OUT-03 a store that fails is a 503 with Retry-After and without quota, never a 429",
    async (start) => {
      const { limiter, events } = desk([perMinute(1)], {
        wrap: (store) => ({
          ...store,
          apply: () => {
            throw new Error("connection refused");
          },
        }),
      });
      let ran = false;
      const app = await start(
        behind(
          { limiter, identify: byHeader },
          home(() => {
            ran = true;
            return { json: {} };
          }),
        ),
      );
      const answer = await send(app, { headers: { origin: "https://page.example" } });
      assert.equal(answer.status, 503);
      assert.match(String(answer.headers["retry-after"]), /^[1-9]\d*$/);
      assert.equal(answer.headers["cache-control"], "no-store");
      assert.equal(answer.headers["access-control-expose-headers"], "Retry-After");
      assert.deepEqual(limitFields(answer), []);
      const body = objectIn(answer);
      assert.match(String(body["type"]), /#temporary-reduced-capacity$/);
      assert.equal(body["status"], 503);
      assert.doesNotMatch(answer.body, /connection refused/);
      assert.equal(ran, false);
      assert.deepEqual(
        events.map(({ type }) => type),
        ["storeFailure"],
      );
    },
  ),

  appCase("D-OUT-03 the same when the store rejects", async (start) => {
    const { limiter } = desk(withTokens(1000), {
      wrap: (store) => ({
        ...store,
        synchronous: false,
        apply: async () => Promise.reject(new Error("timed out")),
      }),
    });
    const app = await start(behind({ limiter, identify: byHeader, cost: hundredTokens }));
    const answer = await send(app, { method: "HEAD" });
    assert.equal(answer.status, 503);
    assert.match(String(answer.headers["retry-after"]), /^[1-9]\d*$/);
    assert.deepEqual(limitFields(answer), []);
  }),

  ...(
    [
      ["throws", () => fail()],
      ["rejects", async () => Promise.reject(new TypeError("a bug"))],
      ["returns a number", () => JSON.parse("7")],
    ] as const
  ).map(([how, identify]) =>
    appCase(`D-OUT-04 identify that ${how} is a 500, and nothing is charged`, async (start) => {
      const { limiter, store } = desk([perMinute(1)]);
      let ran = false;
      const app = await start(
        behind(
          { limiter, identify },
          home(() => {
            ran = true;
            return { json: {} };
          }),
        ),
      );
      assert.equal((await send(app)).status, 500);
      assert.equal(ran, false);
      assert.equal(store.stats().keys, 0);
    }),
  ),

  ...(
    [
      ["throws", () => fail()],
      ["rejects", async () => Promise.reject(new TypeError("a bug"))],
      ["is NaN", () => ({ token: Number.NaN })],
      ["is negative", () => ({ token: -1 })],
      ["is fractional", () => ({ token: 0.5 })],
      ["names no limit's type", () => ({ tokens: 5 })],
    ] as const
  ).map(([how, cost]) =>
    appCase(`D-OUT-04 a cost that ${how} is a 500, and nothing is charged`, async (start) => {
      const { limiter, store } = desk(withTokens(1000));
      const app = await start(behind({ limiter, identify: byHeader, cost }));
      assert.equal((await send(app)).status, 500);
      assert.equal(store.stats().keys, 0);
      assert.equal(store.stats().openReservations, 0);
    }),
  ),

  appCase(
    "D-OUT-04 a limit's `when` that throws is a 500, and nothing is charged",
    async (start) => {
      const { limiter, store } = desk([{ ...perMinute(1), when: () => fail() }]);
      const app = await start(behind({ limiter, identify: byHeader }));
      assert.equal((await send(app)).status, 500);
      assert.equal(store.stats().keys, 0);
    },
  ),

  appCase(
    "enabled: false admits everything, without fields and without a charge",
    async (start) => {
      const store = memoryStore();
      let outcome = "";
      const app = await start(
        behind(
          { enabled: false, limits: [perMinute(1)], store },
          home(({ tollgate }) => {
            ({ outcome } = tollgate.decision);
            return { json: {} };
          }),
        ),
      );
      for (let n = 0; n < 3; n += 1) {
        const answer = await send(app);
        assert.equal(answer.status, 200);
        assert.deepEqual(limitFields(answer), []);
      }
      assert.equal(outcome, "admitted");
      assert.equal(store.stats().keys, 0);
    },
  ),

  appCase(
    "a configuration that cannot work is refused before the application starts",
    async (start) => {
      for (const options of [
        { limits: [] },
        { limits: [perMinute(0)] },
        { limits: [{ type: "image", window: "hour", limit: 5 }] },
        { limits: [perMinute(1)], headers: JSON.parse('"draft-5"') },
        { limits: [perMinute(1)], ipv6Prefix: 31 },
        { limits: [{ ...perMinute(1), name: "line\nbreak" }] },
        { limits: [{ ...perMinute(1), name: "rocket 🚀" }] },
      ] as const) {
        await assert.rejects(async () => start(behind(options)), { code: "INVALID_CONFIG" });
      }
    },
  ),
];

function fail(): never {
  throw new TypeError("a bug");
}
