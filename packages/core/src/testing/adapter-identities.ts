import assert from "node:assert/strict";

import { memoryStore } from "../memory-store.ts";
import type { LimitInput } from "../policy/limit-input.ts";
import type { AdapterCase, AnyOptions, AppSpec, RunningApp } from "./adapter-app.ts";
import { objectIn, type Received, send } from "./adapter-client.ts";
import {
  appCase,
  behind,
  byHeader,
  desk,
  home,
  limitFields,
  perMinute,
  warningsOf,
} from "./adapter-stage.ts";
import { manualClock } from "./manual-clock.ts";

/** Two a minute for each caller, and nothing else configured. */
const twoEach = (options: AnyOptions = {}): AppSpec => {
  const { now } = manualClock();
  return behind({ limits: [perMinute(2)], store: memoryStore({ clock: now }), ...options });
};

const countAdmitted = (answers: readonly Received[]): number =>
  answers.filter(({ status }) => status === 200).length;

/** One request after the other, each with these headers. */
async function sendAll(
  app: RunningApp,
  headers: readonly Readonly<Record<string, string>>[],
): Promise<readonly Received[]> {
  const answers: Received[] = [];
  for (const each of headers) answers.push(await send(app, { headers: each }));
  return answers;
}

/** What eight requests from one socket's address say about who they are. */
const disguises = Array.from({ length: 8 }, (_, n) => ({
  "x-forwarded-for": `198.51.100.${String(n)}`,
  "cf-connecting-ip": `198.51.100.${String(n)}`,
  "true-client-ip": `198.51.100.${String(n)}`,
  "x-real-ip": `198.51.100.${String(n)}`,
  forwarded: `for=198.51.100.${String(n)}`,
  "x-user-id": `user-${String(n)}`,
}));

const from = (addresses: readonly string[]) =>
  addresses.map((address) => ({ "x-forwarded-for": address }));

/** The address is what a header says: for cases about addresses no test machine has. */
const byAddressHeader: NonNullable<AnyOptions["clientAddress"]> = ({ headers }) =>
  headers["x-address"] === undefined ? undefined : String(headers["x-address"]);

/** One a minute, for each id of the scope. */
const oneFor = (scope: string): LimitInput => ({
  type: "count",
  window: "minute",
  limit: 1,
  scope,
  name: scope,
});

const as = (tenant: string, user: string) => ({ "x-tenant": tenant, "x-user": user });

const at = (addresses: readonly string[]) => addresses.map((address) => ({ "x-address": address }));

/** Whom a request is charged to. */
export const identityCases: readonly AdapterCase[] = [
  appCase(
    "D-KEY-01 by default nothing a client can type changes whom it is charged to",
    async (start) => {
      const app = await start(twoEach());
      await warningsOf(async () => {
        assert.equal(countAdmitted(await sendAll(app, disguises)), 2);
      });
    },
  ),

  appCase(
    "the framework's resolver decides the address when it believes a proxy",
    async (start) => {
      const app = await start({ ...twoEach(), trust: "proxies" });
      const one = await sendAll(app, from(Array.from({ length: 5 }, () => "198.51.100.9")));
      const other = await sendAll(app, from(["198.51.100.10"]));
      // What the client wrote in front of what the proxy added is not believed.
      const forged = await sendAll(app, from(["6.6.6.6, 198.51.100.9"]));
      assert.deepEqual([one, other, forged].map(countAdmitted), [2, 1, 0]);
    },
  ),

  appCase(
    "D-KEY-02 one warning says that a proxy is not believed; the socket's address counts",
    async (start) => {
      const app = await start(twoEach());
      const codes = await warningsOf(async () => {
        assert.equal(countAdmitted(await sendAll(app, disguises)), 2);
      });
      assert.deepEqual(codes, ["TOLLGATE_UNTRUSTED_PROXY"]);
    },
  ),

  appCase(
    "D-KEY-02 nothing is warned of where another function or id decides, nor without the field",
    async (start) => {
      const codes = await warningsOf(async () => {
        const custom = await start(twoEach({ clientAddress: byAddressHeader, name: "custom" }));
        await sendAll(custom, [{ "x-address": "198.51.100.1", "x-forwarded-for": "198.51.100.1" }]);
        const named = await start(twoEach({ identify: byHeader, name: "named" }));
        await sendAll(named, disguises);
        const believed = await start({ ...twoEach({ name: "believed" }), trust: "proxies" });
        await sendAll(believed, disguises);
        const plain = await start(twoEach({ name: "plain" }));
        await sendAll(plain, [{}, {}]);
      });
      assert.deepEqual(codes, []);
    },
  ),

  appCase("believing anyone is warned of, once", async (start) => {
    const app = await start({ ...twoEach(), trust: "anyone" });
    const codes = await warningsOf(async () => {
      await sendAll(app, disguises);
    });
    assert.deepEqual(codes, ["TOLLGATE_TRUSTS_ANYONE"]);
  }),

  appCase("D-KEY-03 the source port is no part of the address", async (start) => {
    const direct = await start(twoEach());
    assert.equal(countAdmitted(await sendAll(direct, [{}, {}, {}, {}, {}])), 2);
    const proxied = await start({ ...twoEach(), trust: "proxies" });
    const ports = [4444, 4445, 4446, 4447].map((port) => `198.51.100.9:${String(port)}`);
    assert.equal(countAdmitted(await sendAll(proxied, from(ports))), 2);
    const bracketed = ["[2001:db8::1]:443", "[2001:db8::1]:444", "[2001:db8::1]", "2001:db8::1"];
    assert.equal(countAdmitted(await sendAll(proxied, from(bracketed))), 2);
  }),

  appCase(
    "D-KEY-04 IPv6 addresses of one /56 are one caller, and mapped addresses are IPv4",
    async (start) => {
      const app = await start(twoEach({ clientAddress: byAddressHeader }));
      const network = ["2001:db8:1:ab00::1", "2001:db8:1:abff::2", "2001:db8:1:ab77::3"];
      const neighbour = ["2001:db8:1:ac00::1"];
      const mapped = ["::ffff:203.0.113.7", "::ffff:cb00:7107", "203.0.113.7"];
      const other = ["203.0.113.8", "::ffff:203.0.113.8"];
      const tail = ["2001:db8:2::203.0.113.7"];
      const lists = [network, neighbour, mapped, other, tail];
      const answers: (readonly Received[])[] = [];
      for (const list of lists) answers.push(await sendAll(app, at(list)));
      assert.deepEqual(answers.map(countAdmitted), [2, 1, 2, 2, 1]);
    },
  ),

  appCase("D-KEY-04 the prefix is an option", async (start) => {
    const app = await start(twoEach({ clientAddress: byAddressHeader, ipv6Prefix: 128 }));
    const addresses = ["2001:db8::1", "2001:db8::2", "2001:db8::3", "2001:db8:0::0:3"];
    assert.equal(countAdmitted(await sendAll(app, at(addresses))), 4);
    assert.equal(countAdmitted(await sendAll(app, at(["2001:0db8::3"]))), 0);
  }),

  appCase("D-KEY-05 ids that look alike when joined are different callers", async (start) => {
    const { limiter } = desk([
      { type: "count", window: "minute", limit: 1, scope: "user", name: "user" },
    ]);
    const app = await start(
      behind({
        limiter,
        identify: ({ headers }) => ({
          tenant: String(headers["x-tenant"]),
          user: String(headers["x-user"]),
        }),
      }),
    );
    const pairs = [
      ["a:b", "c"],
      ["a", "b:c"],
      ["ab", "c"],
      ["a", "bc"],
      ["a%3Ab", "c"],
      ["A", "bc"],
    ];
    const headers = pairs.map(([tenant = "", user = ""]) => ({
      "x-tenant": tenant,
      "x-user": user,
    }));
    assert.equal(countAdmitted(await sendAll(app, headers)), pairs.length);
    assert.equal(countAdmitted(await sendAll(app, headers)), 0);
  }),

  appCase(
    "D-KEY-05 a user is not the address that is written alike, nor a session of its name",
    async (start) => {
      const { limiter, used } = desk([oneFor("user"), oneFor("ip"), oneFor("session")]);
      const app = await start(
        behind({ limiter, identify: () => ({ user: "127.0.0.1", session: "127.0.0.1" }) }),
      );
      assert.equal((await send(app)).status, 200);
      const fresh = { user: "x", session: "x", ip: "203.0.113.1" };
      assert.deepEqual(await used({ ...fresh, user: "127.0.0.1" }), { user: 1, ip: 0, session: 0 });
      assert.deepEqual(await used({ ...fresh, ip: "127.0.0.1" }), { user: 0, ip: 1, session: 0 });
      assert.deepEqual(await used({ ...fresh, session: "127.0.0.1" }), {
        user: 0,
        ip: 0,
        session: 1,
      });
    },
  ),

  ...(
    [
      ["undefined", "missing"],
      ['""', "empty"],
      ["null", "null"],
    ] as const
  ).map(([json, what]) =>
    appCase(
      `D-KEY-09 a ${what} id that a limit needs is a 400, and no handler runs`,
      async (start) => {
        const { limiter, store } = desk([
          { type: "count", window: "minute", limit: 1, scope: "user", name: "user" },
        ]);
        let ran = false;
        const app = await start(
          behind(
            {
              limiter,
              identify: () => ({ user: json === "undefined" ? undefined : JSON.parse(json) }),
            },
            home(() => {
              ran = true;
              return { json: {} };
            }),
          ),
        );
        const answer = await send(app);
        assert.equal(answer.status, 400);
        const body = objectIn(answer);
        assert.equal(body["code"], "MISSING_SCOPE");
        assert.equal(body["status"], 400);
        assert.match(String(answer.headers["content-type"]), /^application\/problem\+json/);
        assert.deepEqual(limitFields(answer), []);
        assert.equal(ran, false);
        assert.equal(store.stats().keys, 0);
      },
    ),
  ),

  appCase("D-KEY-09 the texts undefined and null are ordinary ids", async (start) => {
    const { limiter } = desk([
      { type: "count", window: "minute", limit: 1, scope: "user", name: "user" },
    ]);
    const app = await start(
      behind({ limiter, identify: ({ headers }) => ({ user: String(headers["x-user"]) }) }),
    );
    const headers = [{ "x-user": "undefined" }, { "x-user": "null" }, { "x-user": "null" }];
    const statuses = (await sendAll(app, headers)).map(({ status }) => status);
    assert.deepEqual(statuses, [200, 200, 429]);
  }),

  appCase(
    "D-KEY-09 whenMissing: 'shared' counts all requests without the id together",
    async (start) => {
      const { limiter } = desk([
        {
          type: "count",
          window: "minute",
          limit: 2,
          scope: "user",
          name: "user",
          whenMissing: "shared",
        },
      ]);
      const app = await start(
        behind({
          limiter,
          identify: ({ headers }) => ({
            user: headers["x-user"] === undefined ? undefined : String(headers["x-user"]),
          }),
        }),
      );
      assert.equal(countAdmitted(await sendAll(app, [{}, {}, {}])), 2);
      assert.equal(
        countAdmitted(await sendAll(app, [{ "x-user": "unknown" }, { "x-user": "u" }])),
        2,
      );
    },
  ),

  appCase("identify may answer later, with an id or with ids by scope", async (start) => {
    const { limiter } = desk([
      perMinute(1),
      { type: "count", window: "minute", limit: 1, scope: "ip", name: "ip" },
    ]);
    const app = await start(
      behind({
        limiter,
        identify: async ({ headers }) => {
          await Promise.resolve();
          return { caller: String(headers["x-caller"]), ip: String(headers["x-address"]) };
        },
      }),
    );
    const statuses = (
      await sendAll(app, [
        { "x-caller": "a", "x-address": "1" },
        { "x-caller": "a", "x-address": "2" },
        { "x-caller": "b", "x-address": "1" },
        { "x-caller": "b", "x-address": "2" },
      ])
    ).map(({ status }) => status);
    assert.deepEqual(statuses, [200, 429, 429, 200]);
  }),

  appCase("two tenants do not meet, and all users of one share its limit", async (start) => {
    const { limiter } = desk([
      { type: "count", window: "minute", limit: 2, scope: "tenant", name: "tenant" },
      { type: "count", window: "minute", limit: 2, scope: "user", name: "user" },
    ]);
    const app = await start(
      behind({
        limiter,
        identify: ({ headers }) => ({
          tenant: String(headers["x-tenant"]),
          user: String(headers["x-user"]),
        }),
      }),
    );

    const statuses = (
      await sendAll(app, [
        as("acme", "u1"),
        as("acme", "u2"),
        as("acme", "u3"),
        as("globex", "u1"),
        as("globex", "u1"),
        as("globex", "u1"),
      ])
    ).map(({ status }) => status);
    assert.deepEqual(statuses, [200, 200, 429, 200, 200, 429]);
  }),
];
